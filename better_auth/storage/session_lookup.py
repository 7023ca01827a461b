"""A session and its user by the token's digest: one select, and no model instances."""

from __future__ import annotations

from collections.abc import Sequence
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
# SQLite takes no more than some thousand parameters, and no query should take long.
AT_ONCE = 500


def find_session(token_hash: str) -> tuple[SessionRecord, UserRecord] | None:
    """The session and its user as the database has them now, in one query."""
    of_user = user_columns(from_session=True)
    if of_user is None:
        return _find_by_model(token_hash)
    row = CompiledSelect(Session, "token_hash", (*OF_SESSION, *of_user)).first(token_hash)
    return _records_in(row) if row is not None else None


def find_sessions(token_hashes: Sequence[str]) -> dict[str, tuple[SessionRecord, UserRecord]]:
    """Many at once, by digest; those that are there."""
    of_user = user_columns(from_session=True)
    found: dict[str, tuple[SessionRecord, UserRecord]] = {}
    for start in range(0, len(token_hashes), AT_ONCE):
        part = token_hashes[start : start + AT_ONCE]
        if of_user is None:
            found |= {one: both for one in part if (both := _find_by_model(one))}
            continue
        rows = Session.objects.filter(token_hash__in=part).values_list(*OF_SESSION, *of_user)
        found |= {both[0].token_hash: both for row in rows if (both := _records_in(row))}
    return found


def _records_in(row: Sequence[Any]) -> tuple[SessionRecord, UserRecord] | None:
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
