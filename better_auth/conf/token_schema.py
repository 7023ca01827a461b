"""The settings of JWTs, access and refresh tokens, and introspection; a part of ``schema``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from better_auth.conf.declaring import setting


@dataclass(frozen=True, slots=True)
class JwtSettings:
    algorithm: Literal["EdDSA", "ES256", "RS256", "HS256"] = setting(
        "EdDSA",
        "Signs new tokens; ``HS256`` with ``JWT.SECRET``. A change takes effect with the next key.",
        env="BETTER_AUTH_JWT_ALGORITHM",
    )
    secret: str | None = setting(
        None,
        "Shared with services that verify or make HS256 tokens; at least 32 characters. Unset: no such "
        "tokens.",
        env="BETTER_AUTH_JWT_SECRET",
    )
    expires_in: int = setting(
        900, "Seconds that a token is good for.", env="BETTER_AUTH_JWT_EXPIRES_IN", at_least=1
    )
    issuer: str | None = setting(None, "``iss``; unset: BASE_URL.", env="BETTER_AUTH_JWT_ISSUER")
    audience: str | None = setting(None, "``aud``; unset: BASE_URL.", env="BETTER_AUTH_JWT_AUDIENCE")
    in_header: bool = setting(
        True, "``/get-session`` carries a token in ``set-auth-jwt``.", env="BETTER_AUTH_JWT_IN_HEADER"
    )
    rotation_days: int = setting(
        90, "Days that a key signs.", env="BETTER_AUTH_JWT_ROTATION_DAYS", at_least=1
    )
    grace_days: int = setting(
        30, "Days that a key verifies after it has signed last.", env="BETTER_AUTH_JWT_GRACE_DAYS", at_least=1
    )
    publish_ahead: int = setting(
        3600,
        "Seconds that a new key is published before it signs.",
        env="BETTER_AUTH_JWT_PUBLISH_AHEAD",
        at_least=0,
    )
    jwks_max_age: int = setting(
        300, "Seconds that others may keep the key set.", env="BETTER_AUTH_JWT_JWKS_MAX_AGE", at_least=0
    )


@dataclass(frozen=True, slots=True)
class TokenSettings:
    access_format: Literal["jwt", "opaque"] = setting(
        "jwt", "Of access tokens, where the client asks for none.", env="BETTER_AUTH_ACCESS_TOKEN_FORMAT"
    )
    access_expires_in: int = setting(
        900,
        "Seconds that an access token is good for.",
        env="BETTER_AUTH_ACCESS_TOKEN_EXPIRES_IN",
        at_least=1,
    )
    refresh_expires_in: int = setting(
        2592000,
        "Seconds that a refresh token is good for, counted anew at each use. It ends with its session in any "
        "case, which each use prolongs.",
        env="BETTER_AUTH_REFRESH_TOKEN_EXPIRES_IN",
        at_least=1,
    )
    refresh_grace: int = setting(
        10,
        "Seconds in which a refresh token that was just used gives its successor once more: two tabs that "
        "refresh at once both go on.",
        env="BETTER_AUTH_REFRESH_TOKEN_GRACE",
        at_least=0,
    )
    in_sign_in_answers: bool = setting(
        False, "Sign-in answers carry a ``refresh_token``.", env="BETTER_AUTH_REFRESH_TOKEN_IN_SIGN_IN"
    )


@dataclass(frozen=True, slots=True)
class IntrospectionSettings:
    secrets: tuple[str, ...] = setting(
        (),
        "Services that may ask ``/introspect`` about tokens: ``name:secret``, secrets of at least 32 "
        "characters.",
        env="BETTER_AUTH_INTROSPECTION_SECRETS",
    )
