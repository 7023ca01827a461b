"""A session and its user by the token's digest: one select, and no model instances.

Django's compiler writes the statement once, for the user model and the database in force, whatever their
tables are called; each look-up after that is the driver's own, prepared where the connection allows it
(``prepare_threshold`` in the ``OPTIONS`` of PostgreSQL).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import connections, router

from better_auth.models import Session
from better_auth.storage.records import (
    SessionRecord,
    UserRecord,
    has_user_row,
    session_record,
    user_record,
)

# In the order of SessionRecord, without user_id; user_key is the column user_id here.
OF_SESSION = (
    "id",
    "token_hash",
    "user_id",
    "created_at",
    "updated_at",
    "expires_at",
    "last_seen_at",
    "ip_address",
    "user_agent",
    "auth_method",
    "impersonated_by",
    "active_organization_id",
    "active_team_id",
    "additional_fields",
)
# In the order of UserRecord, without key, id and email.
OF_CARRIER = (
    "email_verified",
    "image",
    "created_at",
    "updated_at",
    "username",
    "display_username",
    "phone_number",
    "phone_number_verified",
    "anonymous",
    "role",
    "banned",
    "ban_reason",
    "ban_expires",
    "two_factor_enabled",
    "additional_fields",
)
Converter = tuple[int, Sequence[Callable[[Any, Any, Any], Any]], Any]


@dataclass(frozen=True, slots=True)
class Lookup:
    """``converters``: what the fields and the database do to a value on its way in, by position."""

    sql: str
    converters: tuple[Converter, ...]


def find_session(token_hash: str) -> tuple[SessionRecord, UserRecord] | None:
    """The session and its user as the database has them now, in one query."""
    alias = router.db_for_read(Session)
    lookup = _lookup(alias)
    if lookup is None:
        return _find_by_model(token_hash)
    connection = connections[alias]
    found = _fetch(connection, lookup.sql, token_hash)
    if found is None:
        return None
    row = list(found)
    for position, steps, expression in lookup.converters:
        for step in steps:
            row[position] = step(row[position], expression, connection)
    return _records(row)


def _records(row: list[Any]) -> tuple[SessionRecord, UserRecord] | None:
    end = len(OF_SESSION)
    (session_id, token_hash, user_key), rest = row[:3], row[3:end]
    of_user = row[end:]
    if of_user[0] is None:  # a host's user that was never adopted has no session of ours to begin with
        return None
    of_user[2] = of_user[2] or ""  # the address, which a host's user may lack
    user = UserRecord(user_key, *of_user)
    return SessionRecord(session_id, token_hash, user_key, user.id, *rest), user


def _fetch(connection: Any, sql: str, token_hash: str) -> Sequence[Any] | None:
    if _prepares(connection):
        from psycopg import Cursor

        # Django's cursors put the values into the text, so that no two statements are the same.
        with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
            row: Sequence[Any] | None = cursor.execute(sql, (token_hash,)).fetchone()
            return row
    with connection.cursor() as cursor:
        cursor.execute(sql, (token_hash,))
        fetched: Sequence[Any] | None = cursor.fetchone()
        return fetched


def _prepares(connection: Any) -> bool:
    """Prepared statements are allowed, and nobody wants to see or count the statements."""
    if connection.vendor != "postgresql" or connection.execute_wrappers or connection.queries_logged:
        return False
    connection.ensure_connection()
    return getattr(connection.connection, "prepare_threshold", None) is not None


@lru_cache(maxsize=8)
def _lookup(alias: str) -> Lookup | None:
    """None where ``is_active`` is no column of the host's model: then only the model knows."""
    if not _is_column("is_active"):
        return None
    path, user_id = ("user__", "id") if has_user_row() else ("user__better_auth_profile__", "public_id")
    of_user = [path + name for name in (user_id, "name", "email", *OF_CARRIER)]
    columns = [*OF_SESSION, *of_user, "user__is_active", f"{path}deleted_at"]
    query = Session._base_manager.using(alias).filter(token_hash="").values_list(*columns).query
    compiler = query.get_compiler(using=alias)
    sql, parameters = compiler.as_sql()
    if tuple(parameters) != ("",):
        raise AssertionError(f"unexpected parameters: {parameters}")
    converters = compiler.get_converters([column for column, _, _ in compiler.select])
    return Lookup(sql, tuple((at, steps, expression) for at, (steps, expression) in converters.items()))


def _is_column(name: str) -> bool:
    try:
        return bool(get_user_model()._meta.get_field(name).concrete)
    except FieldDoesNotExist:
        return False


def _find_by_model(token_hash: str) -> tuple[SessionRecord, UserRecord] | None:
    path = "user" if has_user_row() else "user__better_auth_profile"
    row = Session.objects.select_related(path).filter(token_hash=token_hash).first()
    if row is None:
        return None
    carrier = row.user if has_user_row() else getattr(row.user, "better_auth_profile", None)
    if carrier is None:
        return None
    user = user_record(carrier)
    return session_record(row, user_id=user.id), user
