"""What gathers in the process and is written every few seconds, so that no request waits for it.

What a killed process had not yet written is lost: at most ``FLUSH_SECONDS`` of it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from django.db import Error, connection

from better_auth.storage.at_end import run_at_end

logger = logging.getLogger("better_auth.storage")

FLUSH_SECONDS = 10
# In one pause; what comes beyond waits for nobody, and is dropped.
MOST_GATHERED = 10_000

Key = TypeVar("Key")
Value = TypeVar("Value")


class WrittenBehind(Generic[Key, Value]):
    """``write`` gets all that has gathered, in a thread of its own, whose name is ``name``. ``most``: no more
    keys gather than so many.

    ``again`` makes one of a value that could not be written and what has gathered since; without it what
    can't be written is lost.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Mapping[Key, Value]], None],
        *,
        most: int | None = MOST_GATHERED,
        again: Callable[[Value, Value], Value] | None = None,
    ) -> None:
        self._name, self._write, self._most, self._again = name, write, most, again
        self._lock = threading.Lock()
        self._gathered: dict[Key, Value] = {}
        self._writer_pid: int | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._abandon)

    def put(self, key: Key, merge: Callable[[Value | None], Value]) -> None:
        """``merge`` makes the new value of what has gathered under this key. Returns at once."""
        with self._lock:
            if self._most is None or key in self._gathered or len(self._gathered) < self._most:
                self._gathered[key] = merge(self._gathered.get(key))
            self._ensure_writer()

    def flush(self) -> None:
        """Write it now. Raises what ``write`` raises."""
        with self._lock:
            batch, self._gathered = self._gathered, {}
        if not batch:
            return
        try:
            self._write(batch)
        except BaseException:  # whatever it was, the next time tries again
            if self._again:
                self._put_back(batch, self._again)
            raise

    def find(self, key: Key) -> Value | None:
        """What has gathered under this key and is not written yet."""
        return self._gathered.get(key)

    def gathered(self) -> dict[Key, Value]:
        """All that is not written yet."""
        with self._lock:
            return dict(self._gathered)

    def forget(self) -> None:
        with self._lock:
            self._gathered = {}

    def _put_back(self, batch: Mapping[Key, Value], again: Callable[[Value, Value], Value]) -> None:
        with self._lock:
            for key, value in batch.items():
                newer = self._gathered.get(key)
                self._gathered[key] = value if newer is None else again(value, newer)

    def _ensure_writer(self) -> None:
        """One thread for each process; a fork starts its own."""
        if self._writer_pid != os.getpid():
            self._writer_pid = os.getpid()
            threading.Thread(target=self._write_forever, name=self._name, daemon=True).start()
            run_at_end(self._flush_safely)

    def _write_forever(self) -> None:
        pause = threading.Event()
        while not pause.wait(FLUSH_SECONDS):
            self._flush_safely()

    def _flush_safely(self) -> None:
        try:
            self.flush()
        except Error as fault:  # the database is away: the next time tries again
            logger.warning("%s could not be written: %s", self._name, type(fault).__name__)
        finally:
            connection.close()

    def _abandon(self) -> None:
        """In a forked child: what has gathered is the parent's to write."""
        self._lock, self._gathered = threading.Lock(), {}
