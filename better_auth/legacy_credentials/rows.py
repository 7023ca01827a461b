"""What the former system keeps in its database: tokens of REST framework, sessions of Django's, blacklists.

Read as they are, in this or another database of DATABASES; nothing is written there.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import Error, connections
from django.utils.connection import ConnectionDoesNotExist
from django.utils.crypto import salted_hmac

from better_auth import clock
from better_auth.errors import ErrorCode
from better_auth.legacy_credentials.refusals import Refused
from better_auth.legacy_credentials.schemes import AUTHTOKEN, SESSIONS, SIMPLEJWT, rules_of

# Whatever the store is, its class has this name, which is a part of the signature.
SESSION_SALT = "django.contrib.sessions.SessionStore"
HASH_SALT = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"
USER_ID, USER_HASH = "_auth_user_id", "_auth_user_hash"


@dataclass(frozen=True, slots=True)
class Row:
    """``subject``: the user's id there; ``auth_hash``: of a session, what its user's password makes of it."""

    subject: object
    created_at: datetime | None = None
    expires_at: datetime | None = None
    auth_hash: str = ""


def find_token(key: str) -> Row | None:
    """By the key of a ``rest_framework.authtoken`` token. Raises ``Refused``."""
    rules = rules_of(AUTHTOKEN)
    table = quoted(rules.database, rules.table)
    statement = f"SELECT user_id, created FROM {table} WHERE key = %s"  # noqa: S608
    found = _first(rules.database, statement, key)
    return Row(found[0], created_at=_moment(found[1])) if found else None


def find_session(key: str) -> Row | None:
    """None for one that is over, and for one in which nobody is signed in. Raises ``Refused``."""
    rules = rules_of(SESSIONS)
    table = quoted(rules.database, rules.table)
    statement = f"SELECT session_data, expire_date FROM {table} WHERE session_key = %s"  # noqa: S608
    found = _first(rules.database, statement, key)
    expires_at = _moment(found[1]) if found else None
    if found is None or expires_at is None or expires_at <= clock.now():
        return None
    data = _unsealed(str(found[0]))
    subject, auth_hash = data.get(USER_ID), data.get(USER_HASH)
    if subject is None:
        return None
    return Row(subject, expires_at=expires_at, auth_hash=auth_hash if isinstance(auth_hash, str) else "")


def is_of_password(row: Row, encoded_password: str) -> bool:
    """Whether the session was begun with the password that the user still has."""
    expected = salted_hmac(HASH_SALT, encoded_password, secret=_secret(), algorithm="sha256").hexdigest()
    return hmac.compare_digest(expected.encode(), row.auth_hash.encode())


def is_in_force(row: Row, subject: str) -> bool:
    """Whether the user there may still have this session. Raises ``Refused``."""
    rules = rules_of(SESSIONS)
    if not rules.users_table:
        return True
    table = quoted(rules.database, rules.users_table)
    statement = f"SELECT password, is_active FROM {table} WHERE id = %s"  # noqa: S608
    found = _first(rules.database, statement, subject)
    return found is not None and bool(found[1]) and is_of_password(row, str(found[0]))


def is_blacklisted(jti: object) -> bool:
    """By the tables of simplejwt's ``token_blacklist``. Raises ``Refused``."""
    if not isinstance(jti, str) or not jti:
        return True
    alias = rules_of(SIMPLEJWT).database
    known, listed = (quoted(alias, f"token_blacklist_{name}token") for name in ("outstanding", "blacklisted"))
    statement = f"SELECT 1 FROM {listed} l JOIN {known} k ON k.id = l.token_id WHERE k.jti = %s"  # noqa: S608
    return _first(alias, statement, jti) is not None


def quoted(alias: str, table: str) -> str:
    """A table's name for SQL, with its schema if it has one. Raises ``Refused`` for an unknown alias."""
    try:
        quote = connections[alias].ops.quote_name
    except ConnectionDoesNotExist:
        raise Refused(ErrorCode.LEGACY_SYSTEM_UNAVAILABLE) from None
    return ".".join(quote(part.replace('"', "")) for part in table.split("."))


def _first(alias: str, statement: str, parameter: str) -> Sequence[Any] | None:
    if "\x00" in parameter:  # PostgreSQL has no such text
        return None
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute(statement, [parameter])
            row: Sequence[Any] | None = cursor.fetchone()
            return row
    except Error:
        raise Refused(ErrorCode.LEGACY_SYSTEM_UNAVAILABLE) from None


def _unsealed(data: str) -> dict[str, Any]:
    """Empty where the signature is another project's."""
    try:
        found = signing.loads(data, key=_secret(), salt=SESSION_SALT, fallback_keys=[])
    except (signing.BadSignature, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _secret() -> str:
    secret: str = rules_of(SESSIONS).secret or settings.SECRET_KEY
    return secret


def _moment(value: Any) -> datetime | None:
    """SQLite has text; a time without a zone is UTC, as Django writes it."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if not isinstance(moment, datetime):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
