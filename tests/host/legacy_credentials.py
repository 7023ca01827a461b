"""The credentials of a former system, in every state: all doors must agree on them.

The former system is one Django project: djangorestframework-simplejwt, REST framework's tokens, Django's own
sessions, and beside them the JWTs of a service. Its tables are made in the database of the test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt
from django.contrib.auth.hashers import make_password
from django.core import signing
from django.db import connection
from django.utils.crypto import salted_hmac

from better_auth import clock, users
from better_auth.legacy_credentials.rows import HASH_SALT, SESSION_SALT
from better_auth.sign_in import SignInChallenge
from better_auth.storage.records import UserRecord
from migration_tools.models import MigrationRecord, MigrationRun, RecordState, RunState

SECRET = "of-the-former-system-0123456789-abcdefghijkl"
SIMPLE_SECRET = "of-its-simplejwt-0123456789-zyxwvutsrqponmlk"
PROJECT_SECRET = "of-its-django-0123456789-ABCDEFGHIJKLMNOPQRS"
SOURCE = "legacy"
ISSUER, AUDIENCE = "https://old.example.com", "old-api"

SCHEMES = ("jwt", "simplejwt", "authtoken", "sessions")
REFUSALS = {
    "expired": "LEGACY_TOKEN_EXPIRED",
    "revoked": "LEGACY_TOKEN_REVOKED",
    "malformed": "LEGACY_TOKEN_INVALID",
    "unmigrated": "LEGACY_USER_NOT_MIGRATED",
    "rolled back": "LEGACY_USER_ROLLED_BACK",
    "banned": "LEGACY_USER_BANNED",
    "switched off": "LEGACY_USER_BANNED",
    "deleted": "LEGACY_USER_DELETED",
}
STATES = ("valid", *REFUSALS)
TABLE = [(scheme, state) for scheme in SCHEMES for state in STATES]
# Where nothing is left of a credential, nobody can tell what it was.
OTHERWISE = {
    ("authtoken", "revoked"): "LEGACY_TOKEN_INVALID",
    ("sessions", "expired"): None,
    ("sessions", "malformed"): None,
}

TABLES = (
    "CREATE TABLE authtoken_token (key varchar(40) PRIMARY KEY, user_id integer, created timestamp)",
    "CREATE TABLE old_sessions (session_key varchar(40) PRIMARY KEY, session_data text, "
    "expire_date timestamp)",
    "CREATE TABLE old_users (id integer PRIMARY KEY, password varchar(128), is_active boolean)",
    "CREATE TABLE token_blacklist_outstandingtoken (id integer PRIMARY KEY, jti varchar(255))",
    "CREATE TABLE token_blacklist_blacklistedtoken (id integer PRIMARY KEY, token_id integer)",
)
REVOKED: set[str] = set()


def is_revoked(claims: Any) -> bool:
    """``IS_REVOKED`` of the settings below."""
    return claims.get("jti") in REVOKED


def fail(claims: Any) -> bool:
    """One that can't tell."""
    raise RuntimeError("the revocation list is away")


def second_factor(attempt: Any) -> SignInChallenge:
    """A gate that wants more of everybody."""
    return SignInChallenge("two_factor", {"twoFactorRedirect": True})


def settings_of(**more: Any) -> dict[str, Any]:
    """``DUAL_AUTH`` with every scheme switched on."""
    return {
        "ENABLED": True,
        "CUTOVER": "2999-01-01T00:00:00+00:00",
        "JWT": {
            "ENABLED": True,
            "SECRET": SECRET,
            "ISSUER": ISSUER,
            "AUDIENCE": AUDIENCE,
            "IS_REVOKED": "tests.host.legacy_credentials.is_revoked",
        },
        "SIMPLEJWT": {"ENABLED": True, "SECRET": SIMPLE_SECRET, "BLACKLIST": True},
        "AUTHTOKEN": {"ENABLED": True, "MAX_AGE": 86400},
        "SESSIONS": {
            "ENABLED": True,
            "SECRET": PROJECT_SECRET,
            "TABLE": "old_sessions",
            "USERS_TABLE": "old_users",
        },
        **more,
    }


def make_tables() -> None:
    REVOKED.clear()
    with connection.cursor() as cursor:
        for statement in TABLES:
            cursor.execute(statement)


def execute(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def record(legacy_id: str, user: UserRecord | None, state: str = RecordState.MIGRATED) -> MigrationRecord:
    """The journal's entry of somebody who came, or did not."""
    run, _ = MigrationRun.objects.get_or_create(source=SOURCE, kind="jsonl", state=RunState.FINISHED)
    return MigrationRecord.objects.create(
        source=SOURCE,
        legacy_id=legacy_id,
        run=run,
        user_id=user.key if user else None,
        user_public_id=user.id if user else "",
        state=state,
        outcome="created",
    )


def bring(legacy_id: str, user: UserRecord, state: str = "valid") -> None:
    """Into the journal, and then into this state."""
    if state == "unmigrated":
        return
    if state == "rolled back":
        record(legacy_id, None, RecordState.ROLLED_BACK)
        return
    record(legacy_id, user)
    if state == "banned":
        users.update(user, banned=True)
    elif state == "switched off":
        row = users.row_of(user)
        row.is_active = False
        row.save()
    elif state == "deleted":
        users.delete(user)


@dataclass
class Shown:
    """``headers``: of a request that carries it; ``token``: what a service would ask about."""

    token: str
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def bearer(cls, token: str) -> Shown:
        return cls(token, {"authorization": f"Bearer {token}"})


def service_jwt(subject: Any, *, secret: str = SECRET, algorithm: str = "HS256", **more: Any) -> str:
    """As the former service signs them."""
    now = int(clock.timestamp())
    claims = {"sub": subject, "iat": now, "exp": now + 300, "iss": ISSUER, "aud": AUDIENCE, **more}
    return jwt.encode({name: one for name, one in claims.items() if one is not None}, secret, algorithm)


def simple_jwt(user_id: Any, *, kind: str = "access", secret: str = SIMPLE_SECRET, **more: Any) -> str:
    """As djangorestframework-simplejwt signs them."""
    now = int(clock.timestamp())
    jti = f"jti-{kind}-{user_id}"
    claims = {"token_type": kind, "iat": now, "exp": now + 300, "jti": jti, "user_id": user_id, **more}
    return jwt.encode({name: one for name, one in claims.items() if one is not None}, secret)


def auth_token(user_id: str, *, key: str = "0123456789abcdef" * 2 + "01234567", age: int = 60) -> str:
    created = clock.now() - timedelta(seconds=age)
    statement = "INSERT INTO authtoken_token (key, user_id, created) VALUES (%s, %s, %s)"
    execute(statement, key, int(user_id), _stored(created))
    return key


def old_session(user_id: str, *, key: str = "abcdefghijklmnopqrstuvwxyz012345", age: int = 60) -> str:
    """A session that ends an hour after it began."""
    encoded = make_password("old password", hasher="pbkdf2_sha256")
    execute(
        "INSERT INTO old_users (id, password, is_active) VALUES (%s, %s, %s)", int(user_id), encoded, True
    )
    auth_hash = salted_hmac(HASH_SALT, encoded, secret=PROJECT_SECRET, algorithm="sha256").hexdigest()
    data = {"_auth_user_id": user_id, "_auth_user_backend": "x.Y", "_auth_user_hash": auth_hash}
    sealed = signing.dumps(data, key=PROJECT_SECRET, salt=SESSION_SALT, compress=True)
    ends_at = clock.now() + timedelta(seconds=3600 - age)
    execute("INSERT INTO old_sessions VALUES (%s, %s, %s)", key, sealed, _stored(ends_at))
    return key


def _stored(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ")


def show(scheme: str, state: str, user_id: str) -> Shown:
    """The credential of this scheme, itself in this state, of the user with this id there."""
    return MAKERS[scheme](state, user_id)


def _service(state: str, user_id: str) -> Shown:
    token = service_jwt(user_id, jti="j1", exp=int(clock.timestamp()) + (-120 if state == "expired" else 300))
    if state == "revoked":
        REVOKED.add("j1")
    return Shown.bearer(_broken(token) if state == "malformed" else token)


def _simple(state: str, user_id: str) -> Shown:
    token = simple_jwt(user_id, exp=int(clock.timestamp()) + (-120 if state == "expired" else 300))
    if state == "revoked":
        execute("INSERT INTO token_blacklist_outstandingtoken VALUES (1, %s)", f"jti-access-{user_id}")
        execute("INSERT INTO token_blacklist_blacklistedtoken VALUES (1, 1)")
    return Shown.bearer(_broken(token) if state == "malformed" else token)


def _token(state: str, user_id: str) -> Shown:
    key = auth_token(user_id, age=90000 if state == "expired" else 60)
    if state == "revoked":
        execute("DELETE FROM authtoken_token WHERE key = %s", key)
    shown = key[::-1] if state == "malformed" else key
    return Shown(shown, {"authorization": f"Token {shown}"})


def _session(state: str, user_id: str) -> Shown:
    key = old_session(user_id, age=7200 if state == "expired" else 60)
    if state == "revoked":
        execute("UPDATE old_users SET password = %s", make_password("new password"))
    shown = key[::-1] if state == "malformed" else key
    return Shown(shown, {"cookie": f"sessionid={shown}"})


def _broken(token: str) -> str:
    head, _, signature = token.rpartition(".")
    return f"{head}.{signature[::-1]}"


MAKERS: dict[str, Callable[[str, str], Shown]] = {
    "jwt": _service,
    "simplejwt": _simple,
    "authtoken": _token,
    "sessions": _session,
}


def refusal_of(scheme: str, state: str) -> str | None:
    """The code; None where the credential is nobody's."""
    return OTHERWISE.get((scheme, state), REFUSALS[state])
