"""Calls of the legacy system: bounded in number and time, counted, and not made while it is down."""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable
from functools import lru_cache

from better_auth.auth_server.breaker import CircuitBreaker, CircuitOpen, Pass
from better_auth.conf import auth_settings
from better_auth.conf.migration_schema import MigrationSettings
from better_auth.errors import ServiceUnavailable
from better_auth.events import observe
from better_auth.storage.pools import give_back_connections
from migration_tools.lazy.answers import Answer, LegacyFault, Verifier
from migration_tools.lazy.deadlines import within
from migration_tools.lazy.verifiers import verifier_for

logger = logging.getLogger("migration_tools.lazy")

# A domain that can't be anybody's (RFC 2606, section 2).
DECOY_DOMAIN = "decoy.invalid"
BUSY_SECONDS = 1
FAILED_SECONDS = 2


class Calls:
    """Of one process. Each method raises ``ServiceUnavailable`` where there is no answer that counts."""

    def __init__(self, verifier: Verifier, rules: MigrationSettings) -> None:
        self.verifier, self._seconds = verifier, rules.timeout_ms / 1000
        self._breaker = CircuitBreaker(
            failures=rules.breaker_failures, seconds=rules.breaker_seconds, probe_seconds=self._seconds
        )
        self._slots = threading.BoundedSemaphore(rules.max_calls)

    def is_down(self) -> bool:
        """As far as this process knows."""
        return self._breaker.seconds_left() > 0

    def ensure_reachable(self) -> None:
        """Refuse while the system is known to be down."""
        seconds = self._breaker.seconds_left()
        if seconds:
            raise _not_asked(seconds)

    def verify(self, email: str, password: str) -> Answer | None:
        return self._call(lambda: self.verifier.verify(email, password))

    def find(self, email: str) -> Answer | None:
        return self._call(lambda: self.verifier.find(email))

    def pretend(self) -> None:
        """Cost what a failed ``verify`` costs, and tell nothing of anybody: a name and a password that
        nobody has. What becomes of it is no affair of the caller's."""
        email = f"{secrets.token_hex(8)}@{DECOY_DOMAIN}"
        try:
            self._call(lambda: self.verifier.verify(email, secrets.token_urlsafe(12)))
        except ServiceUnavailable:
            return

    def _call(self, ask: Callable[[], Answer | None]) -> Answer | None:
        granted = self._enter()
        give_back_connections()
        started = time.perf_counter()
        try:
            answer = within(self._seconds, ask, then=self._slots.release)
        except TimeoutError:
            raise self._failed(granted, "timeout") from None
        except LegacyFault as fault:
            raise self._failed(granted, fault.kind) from None
        except Exception as fault:  # a host's verifier and every driver have failures of their own
            raise self._failed(granted, f"error ({type(fault).__name__})") from None
        if self._breaker.succeeded(granted):
            logger.warning("the legacy system answers again")
        observe("legacy_call", "known" if answer else "unknown")
        observe("legacy_duration", value=time.perf_counter() - started)
        return answer

    def _enter(self) -> Pass:
        if not self._slots.acquire(blocking=False):
            observe("legacy_call", "busy")
            raise ServiceUnavailable(retry_after=BUSY_SECONDS)
        try:
            return self._breaker.enter()
        except CircuitOpen as refusal:
            self._slots.release()
            raise _not_asked(refusal.retry_after) from None

    def _failed(self, granted: Pass, kind: str) -> ServiceUnavailable:
        logger.error("no answer from the legacy system: %s", kind)
        observe("legacy_call", "failed")
        seconds = self._breaker.failed(granted)
        if seconds is not None:
            logger.error("the legacy system is not asked for %.0f s", seconds)
        return ServiceUnavailable(retry_after=math.ceil(seconds or FAILED_SECONDS))


def _not_asked(seconds: float) -> ServiceUnavailable:
    observe("legacy_call", "not_asked")
    return ServiceUnavailable(retry_after=max(1, math.ceil(seconds)))


def current() -> Calls:
    """By the settings in force. Raises ``Unusable`` where they name no verifier that works."""
    return _calls_for(auth_settings.migration)


@lru_cache(maxsize=4)
def _calls_for(rules: MigrationSettings) -> Calls:
    return Calls(verifier_for(rules), rules)


def forget() -> None:
    """As in a new process."""
    _calls_for.cache_clear()
