"""The auth server's keys in this process: fetched once, kept, and fetched anew behind the requests.

A request waits for them only where it must: at the first token ever, at the first one after a long silence,
and where a token of our auth server names a key that is not in the set.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import suppress

from django.core.signals import setting_changed

from better_auth.auth_server.connection import Call, Reply, auth_server
from better_auth.conf import auth_settings
from better_auth.errors import AuthServerUnavailable
from better_auth.paced_log import PacedLog
from better_auth.resource_server.key_set import KeySet, read_keys

logger = logging.getLogger("better_auth.resource_server")
log = PacedLog(logger)

FETCH = Call(operation="jwks", method="GET", path="/jwks", is_repeatable=True, longest=256 * 1024)
# After a fetch in vain the next one is made no sooner.
PAUSE_SECONDS = 1.0
# Whatever the server says, the set is not fetched at every request.
SHORTEST_FRESH_SECONDS = 10
MAX_AGE = re.compile(r"max-age=(\d{1,9})\b")

Waiting = Generator[Future[KeySet], KeySet, KeySet]


def fetch() -> Reply:
    """Raises ``AuthServerUnavailable``."""
    return auth_server().send(FETCH)


class KeySource:
    """The key set that is kept, and the fetch that is under way. ``ask`` makes it: whose keys they are is its
    affair."""

    def __init__(self, ask: Callable[[], Reply] = fetch) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._kept: KeySet | None = None
        self._flight: Future[KeySet] | None = None
        self._failed_at = float("-inf")

    def current(self) -> KeySet | None:
        """The set to verify by, without waiting. None where there is none, and where it is twice as old as it
        should be: nobody has asked for long, and a key may have been withdrawn meanwhile."""
        kept = self._kept
        if kept is None or kept.age() <= kept.fresh_for:
            return kept
        has_failed_since = self._failed_at > kept.fetched_at
        if not self._may_serve(kept) or not (kept.age() <= 2 * kept.fresh_for or has_failed_since):
            return None
        if time.monotonic() - self._failed_at >= PAUSE_SECONDS:
            with suppress(AuthServerUnavailable):
                self._fetch()  # and nobody waits for it
        return kept

    def newer(self, than: KeySet | None) -> Waiting:
        """A later set, for a token that names a key which is not in this one; the same, where it was fetched
        within ``UNKNOWN_KEY_SECONDS``. Raises ``AuthServerUnavailable``."""
        if than is None:
            return (yield from self._first())
        kept = self._kept
        if kept is not None and kept is not than:
            return kept
        interval = auth_settings.resource_server.unknown_key_seconds
        if than.age() < interval:
            return than
        self._ensure_pause(interval)
        return (yield self._fetch())

    def _first(self) -> Waiting:
        """After a silence what is kept serves all the same, if no other is to be had."""
        kept = self._kept
        try:
            self._ensure_pause(PAUSE_SECONDS)
            return (yield self._fetch())
        except AuthServerUnavailable:
            if kept is None or not self._may_serve(kept):
                raise
            return kept

    def _may_serve(self, kept: KeySet) -> bool:
        return kept.age() <= auth_settings.resource_server.jwks_kept_seconds

    def _ensure_pause(self, seconds: float) -> None:
        left = self._failed_at + seconds - time.monotonic()
        if self._flight is None and left > 0:
            raise AuthServerUnavailable(retry_after=left)

    def forget(self) -> None:
        with self._lock:
            self._kept, self._flight = None, None
            self._failed_at = float("-inf")

    def abandon(self) -> None:
        """In a forked child: whoever held the lock, or was fetching, is not here."""
        self._lock, self._flight = threading.Lock(), None

    def _fetch(self) -> Future[KeySet]:
        """The fetch that is under way, or one that begins now, in a thread of its own."""
        with self._lock:
            if self._flight is None:
                flight: Future[KeySet] = Future()
                thread = threading.Thread(
                    target=self._make, args=(flight,), name="better-auth-jwks", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:  # no more threads, or the process ends
                    raise AuthServerUnavailable from None
                self._flight = flight
            return self._flight

    def _make(self, flight: Future[KeySet]) -> None:
        asked_at = time.monotonic()
        try:
            keys = self._read(self._ask(), asked_at=asked_at)
        except Exception as fault:  # whatever it is, whoever waits must hear of it
            if not isinstance(fault, AuthServerUnavailable):
                logger.exception("the key set could not be fetched")
            self._land(flight, None)
            flight.set_exception(AuthServerUnavailable(retry_after=_seconds_in(fault)))
        else:
            self._land(flight, keys)
            flight.set_result(keys)

    def _land(self, flight: Future[KeySet], keys: KeySet | None) -> None:
        with self._lock:
            if self._flight is not flight:
                return  # the settings have changed meanwhile
            self._flight = None
            if keys is None:
                self._failed_at = time.monotonic()
            else:
                self._kept = keys

    def _read(self, reply: Reply, *, asked_at: float) -> KeySet:
        if reply.status != 200:
            log.say(logging.ERROR, "the auth server has no key set for us: %d", reply.status)
            raise AuthServerUnavailable
        try:
            keys = read_keys(reply.content, self._kept)
        except ValueError:
            log.say(logging.ERROR, "what the auth server sent is no key set")
            raise AuthServerUnavailable from None
        return KeySet(keys, fetched_at=asked_at, fresh_for=_fresh_for(reply))


def _seconds_in(fault: Exception) -> float:
    return fault.retry_after if isinstance(fault, AuthServerUnavailable) else 1


def _fresh_for(reply: Reply) -> float:
    """As long as the settings say, or less where the server says so."""
    most = float(auth_settings.resource_server.jwks_seconds)
    stated = MAX_AGE.search(reply.headers.get("Cache-Control", ""))
    return max(min(most, float(stated[1])) if stated else most, SHORTEST_FRESH_SECONDS)


key_source = KeySource()


def _setting_changed(*, setting: str, **kwargs: object) -> None:
    if setting == "BETTER_AUTH":
        key_source.forget()


setting_changed.connect(_setting_changed, dispatch_uid="better_auth.resource_server.keys")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=key_source.abandon)
