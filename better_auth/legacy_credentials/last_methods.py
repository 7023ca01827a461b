"""``last_auth_method`` of those who come with a credential of the former system, written behind.

A user costs one write at most for each change and hour in a process, however many requests they send.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from better_auth import users
from better_auth.bounded import Bounded
from better_auth.storage.records import UserRecord
from better_auth.storage.written_behind import WrittenBehind

SECONDS = 3600.0
MOST_NOTED = 10_000

_noted: Bounded[tuple[str, float]] = Bounded(MOST_NOTED)


def note(user: UserRecord, method: str) -> None:
    """They came this way. Returns at once."""
    key = str(user.key).encode()
    before, now = _noted.get(key), time.monotonic()
    if before is not None and before[0] == method and now - before[1] < SECONDS:
        return
    _noted.put(key, (method, now))
    _behind.put(user.key, lambda _: method)


def _write(methods: Mapping[Any, str]) -> None:
    for key, method in methods.items():
        users.note_method(key, method)


def flush() -> None:
    """Write what has gathered."""
    _behind.flush()


def forget() -> None:
    _noted.clear()
    _behind.forget()


_behind: WrittenBehind[Any, str] = WrittenBehind("better-auth-last-methods", _write)
