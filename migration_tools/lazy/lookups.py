"""Questions that no answer waits for: asked one after the other, beside the requests."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from django.db import close_old_connections

from better_auth.errors import ServiceUnavailable
from better_auth.legacy import Waiting
from migration_tools.lazy import claims

logger = logging.getLogger("migration_tools.lazy")

MOST_WAITING = 1000

Job = Callable[[], object]


class Lookups:
    """A bounded queue with one thread, which keeps no process from ending."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Job] = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, job: Job) -> None:
        """One that finds the queue full is dropped, with a log line: the person has to ask again."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            logger.error("a look-up in the legacy system was dropped: %d are waiting already", MOST_WAITING)
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # a fork has no threads
                self._thread = threading.Thread(target=self._work, name="legacy-lookups", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            run_safely(self._jobs.get())
            close_old_connections()


_lookups = Lookups()


def behind(job: Job) -> None:
    """Run it beside the requests."""
    _lookups.put(job)


def run_safely(job: Job) -> None:
    try:
        job()
    except ServiceUnavailable:
        logger.error("a look-up got no answer: the person has to ask again")
    except Exception as fault:  # the next one must not suffer for it
        logger.error("a look-up failed: %s", type(fault).__name__)


def later(email: str, then: Callable[[Waiting], None]) -> None:
    """``then`` hears of the person with this address, if they wait there."""
    behind(lambda: _look_up(email, then))


def _look_up(email: str, then: Callable[[Waiting], None]) -> None:
    waiting = claims.find_waiting(email)
    if waiting is not None:
        then(waiting)
