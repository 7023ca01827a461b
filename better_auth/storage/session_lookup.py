"""A session and its user by the token's digest: one select, and no model instances."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from better_auth.models import Session
from better_auth.storage.compiled import CompiledSelect
from better_auth.storage.records import (
    SessionRecord,
    UserRecord,
    has_user_row,
    session_record,
    user_columns,
    user_from,
    user_record,
)

# Of SessionRecord, whose user_key and user_id come with the user.
OF_SESSION = tuple(field.name for field in fields(SessionRecord) if field.name not in ("user_key", "user_id"))
BEFORE_USER = 2


def find_session(token_hash: str) -> tuple[SessionRecord, UserRecord] | None:
    """The session and its user as the database has them now, in one query."""
    of_user = user_columns(from_session=True)
    if of_user is None:
        return _find_by_model(token_hash)
    row = CompiledSelect(Session, "token_hash", (*OF_SESSION, *of_user)).first(token_hash)
    if row is None:
        return None
    values, others = row[: len(OF_SESSION)], row[len(OF_SESSION) :]
    user_key, user_id = others[:2]
    if user_id is None:  # a host's user that was never adopted has no session of ours to begin with
        return None
    of_session: list[Any] = [*values[:BEFORE_USER], user_key, user_id, *values[BEFORE_USER:]]
    return SessionRecord(*of_session), user_from(others)


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
