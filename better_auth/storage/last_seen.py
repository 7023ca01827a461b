"""When sessions were last used, written behind: a request never waits for it.

Sightings gather in the process and are written in one batch every few seconds, so an idle time-out costs a
request no write. What a killed process had not yet written is lost; that is at most ``FLUSH_SECONDS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import models

from better_auth.models import Session
from better_auth.storage.written_behind import FLUSH_SECONDS, WrittenBehind

# A sighting this soon after the stored one is not worth a write.
WORTH_WRITING_SECONDS = 20
# Idle sessions end this much late at the most: what may be unwritten or was not worth writing, twice over.
GRACE_SECONDS = 2 * FLUSH_SECONDS + WORTH_WRITING_SECONDS


def touch(session_id: str, *, stored: datetime | None, now: datetime) -> None:
    """The session is in use. Returns at once."""
    if stored is None or (now - stored).total_seconds() >= WORTH_WRITING_SECONDS:
        _behind.put(session_id, lambda _: now)


def seen_here(session_id: str) -> datetime | None:
    """A sighting by this process that is not yet written."""
    return _behind.find(session_id)


def flush() -> None:
    """Write what has gathered."""
    _behind.flush()


def forget() -> None:
    _behind.forget()


def _write(sightings: Mapping[str, datetime]) -> None:
    """An older sighting never replaces a newer one of another process."""
    for session_id, moment in sightings.items():
        older = models.Q(last_seen_at__isnull=True) | models.Q(last_seen_at__lt=moment)
        Session.objects.filter(older, pk=session_id).update(last_seen_at=moment)


# However many there are: of one that is left out nobody would know that the session is in use.
_behind: WrittenBehind[str, datetime] = WrittenBehind("better-auth-last-seen", _write, most=None, again=max)
