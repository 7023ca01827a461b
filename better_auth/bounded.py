"""A mapping that keeps so many entries at most, and forgets the oldest first."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Bounded(Generic[Value]):
    """By digest. Reading takes no lock. What is put again counts as new."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._entries: dict[bytes, Value] = {}
        self._lock = threading.Lock()
        self.get = self._entries.get

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, digest: bytes, value: Value) -> None:
        with self._lock:
            self._entries.pop(digest, None)
            while len(self._entries) >= self.most:
                del self._entries[next(iter(self._entries))]
            self._entries[digest] = value

    def drop(self, digest: bytes) -> None:
        with self._lock:
            self._entries.pop(digest, None)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def renew(self) -> None:
        """In a forked child: whoever held the lock is not here."""
        self._lock = threading.Lock()
        self.clear()
