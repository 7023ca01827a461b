"""So long may a call take, whatever it does: a name that is looked up, a server that sends a byte a minute, a
host's own code."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, act: Callable[[], T], *, then: Callable[[], None]) -> T:
    """What ``act`` returns or raises, or ``TimeoutError``; ``then`` is called when it has really ended.

    The thread is left behind where it takes longer, and keeps no process from ending.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(act())
        except BaseException as fault:  # it belongs to whoever waits
            outcome.set_exception(fault)
        finally:
            then()

    threading.Thread(target=run, name="legacy-system", daemon=True).start()
    return outcome.result(seconds)
