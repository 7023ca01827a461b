"""A circuit breaker: who does not answer is left alone for a while, then asked by one caller first."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_PAUSE_SECONDS = 30.0
# So that many processes do not probe in one moment.
SPREAD = 0.2


class CircuitOpen(Exception):
    """Don't ask now; ``retry_after`` in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"open for {retry_after:.1f} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to ask once. ``period``: between two changes of the breaker's mind; what comes of a question of
    an earlier one counts for nothing."""

    period: int


class CircuitBreaker:
    """Closed while answers come. After ``failures`` in a row it opens for ``seconds``; then one caller may
    probe, and the others wait for what comes of it. Each vain probe doubles the pause.

    Threads and event loops may share one. ``probe_seconds``: after so long without a word of it a probe
    counts as lost, and the next caller probes.
    """

    def __init__(
        self,
        *,
        failures: int,
        seconds: float,
        probe_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._seconds, self._probe_seconds = failures, seconds, probe_seconds
        self._now = now
        self._lock = threading.Lock()
        self._period = 0
        self._failures = 0
        self._vain_probes = 0
        self._opens_at: float | None = None  # None: closed

    @property
    def is_open(self) -> bool:
        return self._opens_at is not None

    def seconds_left(self) -> float:
        """Until somebody may ask; 0 where it is closed, or a probe is due."""
        opens_at = self._opens_at
        return 0.0 if opens_at is None else max(0.0, opens_at - self._now())

    def enter(self) -> Pass:
        """Raises ``CircuitOpen``."""
        if not self.is_open:
            return Pass(self._period)
        with self._lock:
            opens_at, now = self._opens_at, self._now()
            if opens_at is None:
                return Pass(self._period)
            if now < opens_at:
                raise CircuitOpen(opens_at - now)
            self._opens_at = now + self._probe_seconds  # whoever comes next waits for this probe
            return Pass(self._period)

    def succeeded(self, granted: Pass) -> bool:
        """Whether this has closed the breaker."""
        if self._opens_at is None and not self._failures:
            return False
        with self._lock:
            if granted.period != self._period:
                return False
            was_open = self._opens_at is not None
            self._opens_at, self._failures, self._vain_probes = None, 0, 0
            self._period += was_open
            return was_open

    def failed(self, granted: Pass) -> float | None:
        """The seconds that it is open from now on; None where it stays as it is."""
        with self._lock:
            if granted.period != self._period:
                return None
            self._failures += 1
            is_probe = self._opens_at is not None
            if not is_probe and self._failures < self._limit:
                return None
            self._vain_probes += is_probe
            pause = min(self._seconds * 2.0 ** min(self._vain_probes, 10), LONGEST_PAUSE_SECONDS)
            pause *= random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311, no secret
            self._opens_at = self._now() + pause
            self._period += 1
            return pause
