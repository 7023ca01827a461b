"""See and end somebody else's sessions. Source: admin.md, section 4."""

from __future__ import annotations

from django.db import transaction

from better_auth import sessions
from better_auth.events import Actor, SessionRevoked, SessionsRevoked, publish
from better_auth.features.admin.administrator import find_target
from better_auth.storage.records import SessionRecord


def list_user_sessions(user_id: str) -> list[SessionRecord]:
    """The living ones, with those in which an administrator acts for the user; none of an unknown user."""
    target = find_target(user_id)
    return sessions.list_active(target, with_impersonation=True) if target else []


def revoke_user_session(token_or_handle: str, *, actor: Actor) -> None:
    """Whoever's it is; an unknown one is left at that."""
    found = sessions.find(token_or_handle)
    if found is None:
        return
    session, user = found
    with transaction.atomic():
        if sessions.revoke(session, user):
            publish(
                SessionRevoked(
                    client=actor.client, actor_id=actor.id, subject_id=user.id, session_id=session.id
                )
            )


def revoke_user_sessions(user_id: str, *, actor: Actor) -> None:
    target = find_target(user_id)
    if target is None:
        return
    with transaction.atomic():
        count = sessions.revoke_all(target)
        publish(
            SessionsRevoked(
                client=actor.client, actor_id=actor.id, subject_id=target.id, details={"count": count}
            )
        )
