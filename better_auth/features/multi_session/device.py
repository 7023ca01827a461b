"""The sessions of one device: which of them live, which is active, and how they end.

Source: jwt-bearer-multisession.md, section 3. Callers bring tokens whose cookies carry our signature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction

from better_auth import sessions
from better_auth.conf import auth_settings
from better_auth.events import Client, SessionRevoked, SessionSwitched, publish
from better_auth.sessions import IssuedSession


@dataclass(frozen=True, slots=True)
class Arrival:
    """What becomes of a device's cookies when a session arrives there: ``gone`` are tokens whose cookies must
    go, ``is_kept`` is whether the new one gets a cookie."""

    is_kept: bool
    gone: list[str] = field(default_factory=list, repr=False)


def find_living(token: str) -> IssuedSession | None:
    """The session of a token that the device keeps; None where it is over or its user shut out."""
    resumed = sessions.resume(token, renew=False, read_only=True, from_store=True)
    return IssuedSession(resumed.session, resumed.user, token) if resumed else None


def list_living(tokens: Sequence[str]) -> list[IssuedSession]:
    """One for each user: the first of them, as the cookies stand."""
    by_user: dict[str, IssuedSession] = {}
    for token in tokens:
        found = find_living(token)
        if found:
            by_user.setdefault(found.user.id, found)
    return list(by_user.values())


def arrive(issued: IssuedSession, tokens: Sequence[str]) -> Arrival:
    """Make room for a session that this device gets: an older one of the same user ends here.

    Where the device has as many of other users as it may, nothing is kept of the new one: it works, and is
    not in the list. Sessions that are over already do not count.
    """
    if not tokens:  # nearly always: no statement, and no transaction
        return Arrival(is_kept=True)
    gone, others = [], 0
    with transaction.atomic():
        for token in tokens:
            found = find_living(token)
            if found is None:
                gone.append(token)
            elif found.user.id == issued.user.id:
                gone.append(token)
                _revoke(found, client=Client(issued.session.ip_address, issued.session.user_agent))
            else:
                others += 1
    return Arrival(others < auth_settings.multi_session.maximum_sessions, gone)


def switch_to(found: IssuedSession, *, client: Client) -> None:
    """Note that another session of the device is the active one now."""
    with transaction.atomic():
        publish(SessionSwitched(client=client, subject_id=found.user.id, session_id=found.session.id))


def revoke(token: str, *, actor_id: str, client: Client) -> None:
    """End a session of the device; one that is over already is left at that."""
    found = find_living(token)
    if found:
        with transaction.atomic():
            _revoke(found, client=client, actor_id=actor_id)


def _revoke(found: IssuedSession, *, client: Client, actor_id: str = "") -> None:
    if sessions.revoke(found.session, found.user):
        publish(
            SessionRevoked(
                client=client, subject_id=found.user.id, actor_id=actor_id, session_id=found.session.id
            )
        )
