"""What was read of users and sessions, kept for some seconds, and void as soon as one of them changes.

The same announcements that end a remembered session (``local_sessions``) end what is kept here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from better_auth.conf import auth_settings
from better_auth.storage import verified_sessions
from better_auth.storage.local_sessions import local

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Kept(Generic[Value]):
    """``names``: what it depends on; ``turn``: of ``local``, before it was read; ``stale_at``: of
    ``time.monotonic()``."""

    value: Value
    names: Sequence[str]
    turn: int
    stale_at: float


class Remembered(Generic[Value]):
    """Values by key, as many as sessions are kept at most. Only what was found is kept: asking for what is
    not there makes nothing grow."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept[Value]] = {}
        self._lock = threading.Lock()

    def find(self, key: str, read: Callable[[], tuple[Value, Sequence[str]] | None]) -> Value | None:
        """The value, from memory or by ``read``, which tells what it depends on, too."""
        kept = self._kept.get(key)
        if kept is not None and self._is_good(kept):
            return kept.value
        turn, asked_at = local.turn(), time.monotonic()
        found = read()
        if found is None:
            return None
        value, names = found
        if verified_sessions.may_remember():
            self._put(key, Kept(value, names, turn, asked_at + auth_settings.session.cache.seconds))
        return value

    def _is_good(self, kept: Kept[Value]) -> bool:
        return (
            kept.stale_at > time.monotonic()
            and local.is_unchanged(kept.names, since=kept.turn)
            and verified_sessions.may_trust_memory()
        )

    def _put(self, key: str, kept: Kept[Value]) -> None:
        with self._lock:
            self._kept.pop(key, None)  # the oldest go first, and this is the newest
            while len(self._kept) >= auth_settings.session.cache.entries:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = kept
