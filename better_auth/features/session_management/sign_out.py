"""End a session because its holder wants to."""

from __future__ import annotations

from django.db import transaction

from better_auth import sessions
from better_auth.events import Client, SignedOut, publish
from better_auth.storage.records import SessionRecord, UserRecord


def sign_out(session: SessionRecord, user: UserRecord, *, client: Client) -> None:
    """And with it every token that was given out for it. One that is over already is left at that."""
    with transaction.atomic():
        if sessions.revoke(session, user):
            publish(SignedOut(client=client, subject_id=user.id, session_id=session.id))
