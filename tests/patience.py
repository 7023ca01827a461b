"""A bound for what would otherwise hang: no judgement on speed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

CPU_SECONDS = 60


@contextmanager
def no_hang() -> Iterator[None]:
    """Fail what uses a minute of processor time, where it needs milliseconds and a flaw would take hours.

    The clock counts this process's work alone, so that a busy machine changes nothing.
    """

    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"gave up after {CPU_SECONDS} s of processor time")

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
