"""Password hashing within bounds: the configured Argon2id, and a limit on how many hash at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from better_auth.conf import auth_settings
from better_auth.crypto import password_hashers
from better_auth.errors import ServiceUnavailable


class Argon2id(password_hashers.Argon2idHasher):
    """First in ``PASSWORD_HASHERS``: Argon2id at the cost that the settings name (default: OWASP's).

    Source: OWASP Password Storage Cheat Sheet, m = 19 MiB, t = 2, p = 1.
    """

    @property
    def memory_cost(self) -> int:  # type: ignore[override]
        return auth_settings.password.argon2_memory_cost

    @property
    def time_cost(self) -> int:  # type: ignore[override]
        return auth_settings.password.argon2_time_cost

    @property
    def parallelism(self) -> int:  # type: ignore[override]
        return auth_settings.password.argon2_parallelism


class HashingSlots:
    """So many hashes run at once, so many wait, and whoever comes then is told to come back.

    Hashing is meant to be slow; without a bound a storm of sign-ins would take every processor and
    every thread from those who only ask whether they are signed in.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._running = 0
        self._waiting = 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one slot. Raises ``ServiceUnavailable`` where the queue is full."""
        self._enter()
        try:
            yield
        finally:
            with self._condition:
                self._running -= 1
                self._condition.notify()

    def _enter(self) -> None:
        limit = auth_settings.password.max_concurrent_hashes or os.cpu_count() or 1
        with self._condition:
            if self._running >= limit:
                if self._waiting >= auth_settings.password.max_waiting_hashes:
                    raise ServiceUnavailable(retry_after=1)
                self._waiting += 1
                try:
                    self._condition.wait_for(lambda: self._running < limit)
                finally:
                    self._waiting -= 1
            self._running += 1


slots = HashingSlots()
