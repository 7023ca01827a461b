"""What operators do to users and sessions: through the lifecycles, recorded with the operator as actor."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from better_auth import clock, sessions, users, verifications
from better_auth.admin.people import Operator
from better_auth.events import (
    EmailChanged,
    EmailVerified,
    Event,
    SessionRevoked,
    SessionsRevoked,
    UserCreated,
    UserDeleted,
    UserUpdated,
    publish,
)
from better_auth.storage.records import SessionRecord, UserRecord

# Columns that say who may act in the names of others.
GIVES_RIGHTS = frozenset({"role", "is_staff", "is_superuser"})


def revoke_session(session: SessionRecord, user: UserRecord, *, operator: Operator) -> bool:
    """End one session; False where it had ended already."""
    with transaction.atomic():
        ended = sessions.revoke(session, user)
        if ended:
            _publish(SessionRevoked, user, operator, session_id=session.id)
    return ended


def revoke_sessions(user: UserRecord, *, operator: Operator) -> int:
    """End all sessions of the user; the number ended."""
    with transaction.atomic():
        count = sessions.revoke_all(user)
        _publish(SessionsRevoked, user, operator, details={"count": count})
    return count


def create_user(columns: dict[str, Any], *, operator: Operator) -> UserRecord:
    """A user without a password, to whom a reset can be sent. Raises ``EmailTaken``."""
    if columns.get("email_verified"):
        columns = {**columns, "email_verified_at": clock.now()}
    with transaction.atomic():
        user = users.create(**columns)
        _publish(UserCreated, user, operator)
    return user


def change_user(
    user: UserRecord, columns: dict[str, Any], *, also: set[str], operator: Operator
) -> UserRecord:
    """Write columns. ``also`` names what the caller changes beside them, for the record.

    A new address is unproven, and voids outstanding reset links. Whoever is shut out is signed out at once.
    Raises ``EmailTaken``.
    """
    changes = columns | _consequences(columns)
    with transaction.atomic():
        changed = users.update(user, **changes)
        sessions.refresh_copies(changed)
        told = set(columns) | also
        if "email" in told:
            verifications.revoke_resets(subject=user.id)
            _publish(EmailChanged, user, operator)
        if changes.get("email_verified"):
            _publish(EmailVerified, user, operator)
        rest = sorted(told - {"email"} - ({"email_verified"} if changes.get("email_verified") else set()))
        if rest:
            _publish(UserUpdated, user, operator, details={"fields": rest})
        if told & GIVES_RIGHTS:
            sessions.end_impersonations(changed)  # what gave the right to them may be gone
        if changed.is_shut_out(clock.now()) and not user.is_shut_out(clock.now()):
            revoke_sessions(changed, operator=operator)
    return changed


def delete_user(user: UserRecord, *, operator: Operator) -> None:
    """Delete the user with everything that is ours of them; the audit log stays."""
    with transaction.atomic():
        sessions.revoke_all(user)
        verifications.revoke_all(subject=user.id)
        users.delete(user)
        _publish(UserDeleted, user, operator)


def _consequences(columns: dict[str, Any]) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if "email" in columns:
        more |= {"email_verified": False, "email_verified_at": None}
    elif "email_verified" in columns:
        more["email_verified_at"] = clock.now() if columns["email_verified"] else None
    if columns.get("banned") is False:
        more |= {"ban_reason": None, "ban_expires": None}
    return more


def _publish(kind: type[Event], user: UserRecord, operator: Operator, **more: Any) -> None:
    publish(kind(client=operator.client, subject_id=user.id, actor_id=operator.id, **more))
