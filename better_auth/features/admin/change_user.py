"""Change what is kept of a user. Source: admin.md, "update-user" and "set-role"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from better_auth import clock, sessions, users, verifications
from better_auth.errors import BadRequest, ErrorCode
from better_auth.events import Actor, EmailChanged, Event, RoleChanged, UserUnbanned, UserUpdated, publish
from better_auth.features.admin.ban_user import record_ban
from better_auth.features.admin.errors import Code
from better_auth.storage.records import UserRecord
from better_auth.usernames import Code as UsernameCode

# Columns that are one user's alone, beside the address.
UNIQUE = {"username": UsernameCode.USERNAME_IS_ALREADY_TAKEN, "phone_number": Code.PHONE_NUMBER_EXIST}


def change_user(target: UserRecord, *, columns: dict[str, Any], actor: Actor) -> UserRecord:
    """Write columns. A new address is unproven unless the same change says otherwise, and voids outstanding
    reset links; a ban ends every session."""
    ensure_unique(columns, but=target)
    _ensure_address_is_free(columns, target)
    try:
        with transaction.atomic():
            users.lock(target)
            changed = users.update(target, **columns, **_consequences(columns, target))
            sessions.refresh_copies(changed)
            if changed.email != target.email:
                verifications.revoke_resets(subject=target.id)
            _tell(target, changed, columns, actor)
    except users.EmailTaken:
        raise BadRequest(ErrorCode.USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL) from None
    except users.ColumnTaken as taken:
        raise BadRequest(UNIQUE[taken.column]) from None
    return changed


def ensure_unique(columns: Mapping[str, Any], *, but: UserRecord | None) -> None:
    """Raises the code of the column whose value another user has."""
    for column, code in UNIQUE.items():
        value = columns.get(column)
        holder = users.find_by_unique(column, value) if value else None
        if holder and (but is None or holder.key != but.key):
            raise BadRequest(code)


def _ensure_address_is_free(columns: Mapping[str, Any], target: UserRecord) -> None:
    holder = users.find_by_email(columns["email"]) if "email" in columns else None
    if holder and holder.key != target.key:
        raise BadRequest(ErrorCode.USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL)


def _consequences(columns: Mapping[str, Any], target: UserRecord) -> dict[str, Any]:
    more: dict[str, Any] = {}
    is_moved = "email" in columns and columns["email"] != target.email
    if is_moved and "email_verified" not in columns:
        more |= {"email_verified": False, "email_verified_at": None}
    if "email_verified" in columns:
        more["email_verified_at"] = clock.now() if columns["email_verified"] else None
    if columns.get("banned") and not target.is_banned(clock.now()) and "ban_expires" not in columns:
        more["ban_expires"] = None  # the end of an earlier ban is no end of this one
    if columns.get("banned") is False:
        more |= {name: None for name in ("ban_reason", "ban_expires") if name not in columns}
    return more


def _tell(before: UserRecord, after: UserRecord, columns: Mapping[str, Any], actor: Actor) -> None:
    def tell(kind: type[Event], **details: Any) -> None:
        publish(kind(client=actor.client, actor_id=actor.id, subject_id=after.id, details=details))

    if columns.get("banned"):
        record_ban(after, actor=actor)
    elif before.banned and not after.banned:
        tell(UserUnbanned)
    if after.role != before.role:
        sessions.end_impersonations(after)  # what gave the right to them may be gone
        tell(RoleChanged, before=before.role, after=after.role)
    if after.email != before.email:
        tell(EmailChanged)
    rest = sorted(set(columns) - {"banned", "role", "email"})
    if rest:
        tell(UserUpdated, fields=rest)
