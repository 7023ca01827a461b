"""Findings become counts, one row for each day, route and reason; everything beside the requests.

Bounded at each step: what comes too fast is left out and counted as such, and what a process has not written
when it is killed, a second's worth, is lost. It is a sample anyway.
"""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import Error, connections
from django.db.models import F

from better_auth import clock
from better_auth.authentication.credentials import Credentials
from better_auth.dual_comparison.comparing import Finding, compare
from better_auth.events import observe
from better_auth.models import DualDifference
from better_auth.models.dual_difference import AGREE
from better_auth.paced_log import PacedLog

logger = logging.getLogger("better_auth.dual_comparison")
log = PacedLog(logger)

MOST_WAITING = 200
MOST_KEYS = 500
FLUSH_SECONDS = 1.0
LONGEST_ROUTE = 255

Key = tuple[date, str, str, str, str, int, int]


@dataclass(slots=True)
class _Count:
    number: int = 0
    our_user: str = ""
    former_user: str = ""


@dataclass(slots=True)
class Counts:
    """Of one process, since it last wrote them down."""

    by_key: dict[Key, _Count] = field(default_factory=dict)

    def add(self, route: str, method: str, finding: Finding) -> None:
        key = (
            clock.now().date(),
            route[:LONGEST_ROUTE],
            method[:16],
            finding.reason,
            finding.detail[:128],
            finding.our_status,
            finding.former_status,
        )
        if key not in self.by_key and len(self.by_key) >= MOST_KEYS:
            observe("dual_comparison", "dropped")
            return
        count = self.by_key.setdefault(key, _Count())
        count.number += 1
        if finding.reason != AGREE:
            count.our_user, count.former_user = finding.our_user, finding.former_user

    def flush(self) -> None:
        """Of two processes that make a row at once, one does, and both count. Never raises."""
        counts, self.by_key = self.by_key, {}
        try:
            for key, count in counts.items():
                _write(key, count)
        except Error as fault:
            log.say(logging.ERROR, "comparisons could not be written: %s", type(fault).__name__)
            observe("dual_comparison", "dropped")


def _write(key: Key, count: _Count) -> None:
    names = ("day", "route", "method", "reason", "detail", "our_status", "former_status")
    columns = dict(zip(names, key, strict=True))
    rows = DualDifference.objects.filter(**columns)
    values: dict[str, Any] = {"count": F("count") + count.number, "last_at": clock.now()}
    if count.our_user or count.former_user:
        values |= {"our_user": count.our_user, "former_user": count.former_user}
    if not rows.update(**values):
        DualDifference.objects.bulk_create([DualDifference(**columns)], ignore_conflicts=True)
        rows.update(**values)


Job = tuple[Credentials, str, str]


class Behind:
    """A bounded queue with one thread, which keeps no process from ending."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Job] = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, job: Job) -> None:
        """Never waits."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            observe("dual_comparison", "dropped")
            return
        if self._thread is None or not self._thread.is_alive():  # a fork has no threads
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._work, name="dual-comparison", daemon=True)
                    self._thread.start()

    def _work(self) -> None:
        counts = Counts()
        while True:
            try:
                # Without anything to be written there is nothing to wake up for.
                note(self._jobs.get(timeout=FLUSH_SECONDS if counts.by_key else None), counts)
                is_quiet = self._jobs.empty()
            except queue.Empty:
                is_quiet = True
            if is_quiet and counts.by_key:
                counts.flush()
                connections.close_all()  # a thread that waits holds none of a pool's


def note(job: Job, counts: Counts) -> None:
    """Compare and count. Never raises: whatever goes wrong here is no affair of the request."""
    credentials, route, method = job
    try:
        finding = compare(credentials)
    except Exception as fault:  # the host's own check, a database that is away
        log.say(logging.ERROR, "a comparison failed: %s", type(fault).__name__)
        observe("dual_comparison", "failed")
        return
    if finding is not None:
        observe("dual_comparison", finding.reason)
        counts.add(route, method, finding)


_behind = Behind()


def behind(job: Job) -> None:
    """Hand it over; the request goes on."""
    _behind.put(job)


def at_once(job: Job) -> None:
    """The same in the caller's thread, for tests and scripts."""
    counts = Counts()
    note(job, counts)
    counts.flush()
