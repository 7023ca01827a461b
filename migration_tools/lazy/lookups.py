"""Questions that no answer waits for: asked one after the other, beside the requests."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable

from django.db import close_old_connections

from better_auth.errors import ServiceUnavailable
from better_auth.legacy import Waiting
from better_auth.one_by_one import OneByOne
from migration_tools.lazy import claims

logger = logging.getLogger("migration_tools.lazy")

MOST_WAITING = 1000

Job = Callable[[], object]


def _work(jobs: queue.Queue[Job]) -> None:
    while True:
        run_safely(jobs.get())
        close_old_connections()


_lookups: OneByOne[Job] = OneByOne("legacy-lookups", _work, most=MOST_WAITING)


def behind(job: Job) -> None:
    """Run it beside the requests. One that finds the queue full is dropped, with a log line: the person has
    to ask again."""
    if not _lookups.put(job):
        logger.error("a look-up in the legacy system was dropped: %d are waiting already", MOST_WAITING)


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
