"""Shut users out, and let them in again. Source: admin.md, sections 4 and 7."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from better_auth import clock, sessions, users
from better_auth.conf import auth_settings
from better_auth.events import Actor, UserBanned, UserUnbanned, publish
from better_auth.storage.records import UserRecord


def ban_user(target: UserRecord, *, reason: str | None, expires_in: float | None, actor: Actor) -> UserRecord:
    """Ban for ``expires_in`` seconds, or for good; every session ends, and no new one is made.

    Without a reason or a duration those of the settings count.
    """
    rules = auth_settings.admin
    seconds = expires_in or rules.default_ban_expires_in
    expires = clock.to_milliseconds(clock.now() + timedelta(seconds=seconds)) if seconds else None
    with transaction.atomic():
        users.lock(target)
        banned = users.update(
            target, banned=True, ban_reason=reason or rules.default_ban_reason, ban_expires=expires
        )
        record_ban(banned, actor=actor)
    return banned


def record_ban(banned: UserRecord, *, actor: Actor) -> None:
    """End the sessions of somebody who is banned now, and say so; in the transaction of the ban."""
    count = sessions.revoke_all(banned)
    expires = clock.iso(banned.ban_expires) if banned.ban_expires else None
    publish(
        UserBanned(
            client=actor.client,
            actor_id=actor.id,
            subject_id=banned.id,
            details={"reason": banned.ban_reason, "expires": expires, "sessions": count},
        )
    )


def unban_user(target: UserRecord, *, actor: Actor) -> UserRecord:
    with transaction.atomic():
        users.lock(target)
        unbanned = users.update(target, banned=False, ban_reason=None, ban_expires=None)
        sessions.refresh_copies(unbanned)
        publish(UserUnbanned(client=actor.client, actor_id=actor.id, subject_id=unbanned.id))
    return unbanned
