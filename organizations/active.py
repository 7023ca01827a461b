"""The organization and the team that a session is in."""

from __future__ import annotations

from typing import Any

from better_auth import sessions
from better_auth.errors import ErrorCode, Unauthorized
from better_auth.storage.records import SessionRecord, UserRecord


def switch(session: SessionRecord, user: UserRecord, **columns: Any) -> SessionRecord:
    """Write ``active_organization_id`` or ``active_team_id``; every process shows it from the commit on.

    Raises ``Unauthorized`` where the session has ended meanwhile.
    """
    changed = sessions.update(session, **columns)
    if changed is None:
        raise Unauthorized(ErrorCode.FAILED_TO_GET_SESSION)
    sessions.refresh_copies(user)
    return changed


def leave(session: SessionRecord, user: UserRecord, organization_id: str) -> None:
    """If the session is in this organization, it is in none from now on."""
    if session.active_organization_id == organization_id:
        switch(session, user, active_organization_id=None)
