"""Verified sessions in this process's memory: the first of two cache levels.

Bounded in number and in seconds. What is forgotten stays forgotten: a record that was read before is refused
afterwards, however late it comes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from better_auth.conf import auth_settings
from better_auth.storage.records import SessionRecord, UserRecord

Found = tuple[SessionRecord, UserRecord]
# Told what has changed: names (tokens' digests, ``name_of_user``), or None for anything. In any thread.
Listener = Callable[[Iterable[str] | None], None]
# So many of the latest things that were forgotten are known one by one; a reader from before them is refused.
REMEMBERED = 10_000


@dataclass(slots=True, eq=False)
class Entry:
    """``stale_at``: of ``time.monotonic()``. ``rendered``: what the front door made of it, once."""

    session: SessionRecord
    user: UserRecord
    stale_at: float
    rendered: Any = None


class LocalSessions:
    """Entries by the token's digest. Reading takes no lock; everything else is short and takes one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._of_user: dict[str, set[str]] = {}
        self._flights: dict[str, Future[Found | None]] = {}
        self._forgotten: dict[str, int] = {}
        self._turn = 0
        self._known_since = 0
        self.listeners: list[Listener] = []

    def get(self, token_hash: str) -> Entry | None:
        entry = self._entries.get(token_hash)
        return entry if entry is not None and entry.stale_at > time.monotonic() else None

    def turn(self) -> int:
        """To be taken before the store is read, and shown with what was read."""
        return self._turn

    def is_unchanged(self, names: Iterable[str], *, since: int) -> bool:
        """Whether nothing of these (tokens' digests, or ``name_of_user``) was forgotten since that turn."""
        return since >= self._known_since and all(self._forgotten.get(name, 0) <= since for name in names)

    def put(self, found: Found, *, turn: int, as_of: float) -> None:
        """Keep a record, unless it was forgotten, or its user was, since ``turn``.

        ``as_of``, of ``time.monotonic()``: before the store was read. The seconds count from there, or a slow
        read would lengthen them.
        """
        session, user = found
        entry = Entry(session, user, as_of + auth_settings.session.cache.seconds)
        names = (session.token_hash, name_of_user(session.user_key))
        with self._lock:
            if turn < self._known_since or any(self._forgotten.get(name, 0) > turn for name in names):
                return
            self._drop(session.token_hash)
            while len(self._entries) >= auth_settings.session.cache.entries:
                self._drop(next(iter(self._entries)))
            self._entries[session.token_hash] = entry
            self._of_user.setdefault(str(session.user_key), set()).add(session.token_hash)

    def forget(self, *, token_hashes: Iterable[str] = (), user_keys: Iterable[str] = ()) -> None:
        """From now on these, and all sessions of these users, are read from the store again."""
        with self._lock:
            self._turn += 1
            # Whoever asks from now on must not be told what a query that began before will find.
            self._flights.clear()
            for token_hash in token_hashes:
                self._note(token_hash)
                self._drop(token_hash)
            for key in user_keys:
                self._note(name_of_user(key))
                for token_hash in list(self._of_user.get(key, ())):
                    self._drop(token_hash)

    def clear(self) -> None:
        with self._lock:
            self._turn += 1
            self._known_since = self._turn
            self._flights.clear()
            self._entries.clear()
            self._of_user.clear()
            self._forgotten.clear()
        self.tell(None)

    def tell(self, names: list[str] | None) -> None:
        """What has been forgotten has changed for everybody to see."""
        for listener in self.listeners:
            listener(names)

    def join(self, token_hash: str) -> tuple[Future[Found | None], bool]:
        """The look-up of this session that is under way, and whether it is the caller's to make."""
        with self._lock:
            flight = self._flights.get(token_hash)
            if flight is not None:
                return flight, False
            flight = self._flights[token_hash] = Future()
            return flight, True

    def leave(self, token_hash: str, flight: Future[Found | None]) -> None:
        with self._lock:
            if self._flights.get(token_hash) is flight:
                del self._flights[token_hash]

    def abandon(self) -> None:
        """In a forked child: whoever held the lock, looked something up or listened is not here."""
        self._lock = threading.Lock()
        self.listeners.clear()
        self.clear()

    def _drop(self, token_hash: str) -> None:
        entry = self._entries.pop(token_hash, None)
        if entry is None:
            return
        key = str(entry.session.user_key)
        of_user = self._of_user[key]
        of_user.discard(token_hash)
        if not of_user:
            del self._of_user[key]

    def _note(self, name: str) -> None:
        self._forgotten.pop(name, None)
        self._forgotten[name] = self._turn
        if len(self._forgotten) > REMEMBERED:
            oldest = next(iter(self._forgotten))
            self._known_since = max(self._known_since, self._forgotten.pop(oldest))


def name_of_user(key: object) -> str:
    return f"user {key}"


local = LocalSessions()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=local.abandon)
