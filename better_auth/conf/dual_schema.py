"""The settings of credentials that a former system gave out, taken beside ours; a part of ``schema``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from better_auth.conf.declaring import group, setting

OF_SOURCE = (
    "What the journal calls the system, the ``--name`` of its ``migrate_users``; unset: MIGRATION.SOURCE. "
    "``host``: its users are this project's own, by primary key."
)
OF_KEYS = "Public keys: a file (JWKS or PEM) or the https address of a JWKS; then the secret is not used."
OF_CHECK = "Callable ``(claims) -> bool``: whether the former system has revoked this token."


@dataclass(frozen=True, slots=True)
class LegacyJwtSettings:
    enabled: bool = setting(
        False, "Take the JWTs of one service that signed people in before.", env="BETTER_AUTH_LEGACY_JWT"
    )
    source: str | None = setting(None, OF_SOURCE, env="BETTER_AUTH_LEGACY_JWT_SOURCE")
    algorithms: tuple[str, ...] = setting(
        ("HS256",),
        "Of HS256, HS384, HS512 with a secret, or of EdDSA, ES256, RS256 with keys.",
        env="BETTER_AUTH_LEGACY_JWT_ALGORITHMS",
    )
    secret: str | None = setting(
        None, "For HS256, HS384 and HS512; at least 32 characters.", env="BETTER_AUTH_LEGACY_JWT_SECRET"
    )
    keys: str | None = setting(None, OF_KEYS, env="BETTER_AUTH_LEGACY_JWT_KEYS")
    issuer: str | None = setting(
        None, "``iss`` must be this; unset: it is not looked at.", env="BETTER_AUTH_LEGACY_JWT_ISSUER"
    )
    audience: str | None = setting(
        None, "``aud`` must name this; unset: it is not looked at.", env="BETTER_AUTH_LEGACY_JWT_AUDIENCE"
    )
    user_id_claim: str = setting(
        "sub", "The claim that holds the id of the user there.", env="BETTER_AUTH_LEGACY_JWT_USER_ID_CLAIM"
    )
    type_claim: str | None = setting(
        None,
        "The claim that tells access from refresh tokens; unset: all are access tokens.",
        env="BETTER_AUTH_LEGACY_JWT_TYPE_CLAIM",
    )
    access_type: str = setting(
        "access", "Its value in access tokens.", env="BETTER_AUTH_LEGACY_JWT_ACCESS_TYPE"
    )
    refresh_type: str = setting(
        "refresh",
        "Its value in refresh tokens, which can only be exchanged.",
        env="BETTER_AUTH_LEGACY_JWT_REFRESH_TYPE",
    )
    is_revoked: str | None = setting(None, OF_CHECK, env="BETTER_AUTH_LEGACY_JWT_IS_REVOKED")


@dataclass(frozen=True, slots=True)
class LegacySimpleJwtSettings:
    enabled: bool = setting(
        False, "Take tokens of djangorestframework-simplejwt.", env="BETTER_AUTH_LEGACY_SIMPLEJWT"
    )
    source: str | None = setting(None, OF_SOURCE, env="BETTER_AUTH_LEGACY_SIMPLEJWT_SOURCE")
    algorithms: tuple[str, ...] = setting(
        ("HS256",), "``ALGORITHM`` of its ``SIMPLE_JWT``.", env="BETTER_AUTH_LEGACY_SIMPLEJWT_ALGORITHMS"
    )
    secret: str | None = setting(
        None,
        "``SIGNING_KEY`` of its ``SIMPLE_JWT``, there by default Django's SECRET_KEY.",
        env="BETTER_AUTH_LEGACY_SIMPLEJWT_SECRET",
    )
    keys: str | None = setting(None, OF_KEYS, env="BETTER_AUTH_LEGACY_SIMPLEJWT_KEYS")
    issuer: str | None = setting(
        None, "``ISSUER`` of its ``SIMPLE_JWT``.", env="BETTER_AUTH_LEGACY_SIMPLEJWT_ISSUER"
    )
    audience: str | None = setting(
        None, "``AUDIENCE`` of its ``SIMPLE_JWT``.", env="BETTER_AUTH_LEGACY_SIMPLEJWT_AUDIENCE"
    )
    user_id_claim: str = setting(
        "user_id",
        "``USER_ID_CLAIM`` of its ``SIMPLE_JWT``.",
        env="BETTER_AUTH_LEGACY_SIMPLEJWT_USER_ID_CLAIM",
    )
    type_claim: str | None = setting(
        "token_type",
        "``TOKEN_TYPE_CLAIM`` of its ``SIMPLE_JWT``.",
        env="BETTER_AUTH_LEGACY_SIMPLEJWT_TYPE_CLAIM",
    )
    access_type: str = setting(
        "access", "Its value in access tokens.", env="BETTER_AUTH_LEGACY_SIMPLEJWT_ACCESS_TYPE"
    )
    refresh_type: str = setting(
        "refresh", "Its value in refresh tokens.", env="BETTER_AUTH_LEGACY_SIMPLEJWT_REFRESH_TYPE"
    )
    blacklist: bool = setting(
        False,
        "Refuse what its ``token_blacklist`` tables name, in the database of DATABASE.",
        env="BETTER_AUTH_LEGACY_SIMPLEJWT_BLACKLIST",
    )
    database: str = setting(
        "default",
        "The alias in DATABASES that has those tables.",
        env="BETTER_AUTH_LEGACY_SIMPLEJWT_DATABASE",
    )
    is_revoked: str | None = setting(None, OF_CHECK, env="BETTER_AUTH_LEGACY_SIMPLEJWT_IS_REVOKED")


@dataclass(frozen=True, slots=True)
class LegacyAuthtokenSettings:
    enabled: bool = setting(
        False,
        "Take tokens of ``rest_framework.authtoken``, after ``Token`` or ``Bearer``.",
        env="BETTER_AUTH_LEGACY_AUTHTOKEN",
    )
    source: str | None = setting(None, OF_SOURCE, env="BETTER_AUTH_LEGACY_AUTHTOKEN_SOURCE")
    database: str = setting(
        "default",
        "The alias in DATABASES that has the tokens; a token is revoked by deleting its row.",
        env="BETTER_AUTH_LEGACY_AUTHTOKEN_DATABASE",
    )
    table: str = setting(
        "authtoken_token", "Their table: key, user_id, created.", env="BETTER_AUTH_LEGACY_AUTHTOKEN_TABLE"
    )
    max_age: int | None = setting(
        None,
        "Seconds after which a token is too old; unset: they do not age.",
        env="BETTER_AUTH_LEGACY_AUTHTOKEN_MAX_AGE",
        at_least=1,
    )
    is_revoked: str | None = setting(None, OF_CHECK, env="BETTER_AUTH_LEGACY_AUTHTOKEN_IS_REVOKED")


@dataclass(frozen=True, slots=True)
class LegacySessionSettings:
    enabled: bool = setting(
        False, "Take Django's own sessions that are kept in a database.", env="BETTER_AUTH_LEGACY_SESSIONS"
    )
    source: str | None = setting(None, OF_SOURCE, env="BETTER_AUTH_LEGACY_SESSIONS_SOURCE")
    cookie_name: str = setting(
        "sessionid", "The cookie with the session's key.", env="BETTER_AUTH_LEGACY_SESSIONS_COOKIE_NAME"
    )
    secret: str | None = setting(
        None,
        "SECRET_KEY of the project that made them; unset: this project's own.",
        env="BETTER_AUTH_LEGACY_SESSIONS_SECRET",
    )
    database: str = setting(
        "default", "The alias in DATABASES that has them.", env="BETTER_AUTH_LEGACY_SESSIONS_DATABASE"
    )
    table: str = setting("django_session", "Their table.", env="BETTER_AUTH_LEGACY_SESSIONS_TABLE")
    users_table: str | None = setting(
        None,
        "The users' table there (id, password, is_active): then a changed password or a switched-off user "
        "ends a session, as it does there.",
        env="BETTER_AUTH_LEGACY_SESSIONS_USERS_TABLE",
    )
    is_revoked: str | None = setting(None, OF_CHECK, env="BETTER_AUTH_LEGACY_SESSIONS_IS_REVOKED")


@dataclass(frozen=True, slots=True)
class DualAuthSettings:
    enabled: bool = setting(
        False,
        "Take credentials of the former system beside ours, as far as the schemes below are switched on.",
        env="ENABLE_DUAL_AUTH",
    )
    prefer_better_auth: bool = setting(
        True,
        "A session of ours outdoes what the former system gave out; off: the other way round.",
        env="PREFER_BETTER_AUTH",
    )
    cutover: str | None = setting(
        None,
        "From this moment on they are refused: ISO 8601 with a time zone, ``2027-01-31T00:00:00+00:00``.",
        env="BETTER_AUTH_LEGACY_CUTOVER",
    )
    leeway: int = setting(
        30,
        "Seconds that the former system's clock may be apart from ours.",
        env="BETTER_AUTH_LEGACY_LEEWAY",
        at_least=0,
    )
    claims: Mapping[str, Any] = setting(
        {},
        "What ``principal.legacy_claims()`` tells of somebody who came without claims: its name for it, and "
        "ours (``legacy_id``, or a field of the user). Unset: ``user_id`` and ``email``.",
    )
    compare_one_in: int = setting(
        100,
        "Of so many requests ``DualComparisonMiddleware`` shows one to both systems; 0: none.",
        env="BETTER_AUTH_LEGACY_COMPARE_ONE_IN",
        at_least=0,
    )
    jwt: LegacyJwtSettings = group(LegacyJwtSettings, "JWTs of one service.")
    simplejwt: LegacySimpleJwtSettings = group(LegacySimpleJwtSettings, "djangorestframework-simplejwt.")
    authtoken: LegacyAuthtokenSettings = group(LegacyAuthtokenSettings, "Tokens of REST framework.")
    sessions: LegacySessionSettings = group(LegacySessionSettings, "Django's own sessions.")
