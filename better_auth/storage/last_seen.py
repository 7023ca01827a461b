"""When sessions were last used, written behind: a request never waits for it.

Sightings gather in the process and are written in one batch every few seconds, so an idle time-out costs a
request no write. What a killed process had not yet written is lost; that is at most ``FLUSH_SECONDS``.
"""

from __future__ import annotations

import logging
import os
import threading
from datetime import datetime

from django.db import Error, connection, models

from better_auth.models import Session
from better_auth.storage.at_end import run_at_end

logger = logging.getLogger("better_auth.sessions")

FLUSH_SECONDS = 10
# A sighting this soon after the stored one is not worth a write.
WORTH_WRITING_SECONDS = 20
# Idle sessions end this much late at the most: what may be unwritten or was not worth writing, twice over.
GRACE_SECONDS = 2 * FLUSH_SECONDS + WORTH_WRITING_SECONDS

_lock = threading.Lock()
_sightings: dict[str, datetime] = {}
_writer_pid: int | None = None


def touch(session_id: str, *, stored: datetime | None, now: datetime) -> None:
    """The session is in use. Returns at once."""
    if stored is not None and (now - stored).total_seconds() < WORTH_WRITING_SECONDS:
        return
    with _lock:
        _sightings[session_id] = now
        _ensure_writer()


def seen_here(session_id: str) -> datetime | None:
    """A sighting by this process that is not yet written."""
    return _sightings.get(session_id)


def flush() -> None:
    """Write what has gathered. An older sighting never replaces a newer one of another process."""
    with _lock:
        batch = dict(_sightings)
        _sightings.clear()
    for session_id, moment in batch.items():
        older = models.Q(last_seen_at__isnull=True) | models.Q(last_seen_at__lt=moment)
        Session.objects.filter(older, pk=session_id).update(last_seen_at=moment)


def _ensure_writer() -> None:
    """One writer thread for each process; a fork starts its own."""
    global _writer_pid
    if _writer_pid != os.getpid():
        _writer_pid = os.getpid()
        threading.Thread(target=_write_forever, name="better-auth-last-seen", daemon=True).start()
        run_at_end(_flush_safely)


def _write_forever() -> None:
    pause = threading.Event()
    while not pause.wait(FLUSH_SECONDS):
        _flush_safely()


def _flush_safely() -> None:
    try:
        flush()
    except Error as fault:  # the database is away: the next sightings try again
        logger.warning("last-seen times could not be written: %s", type(fault).__name__)
    finally:
        connection.close()
