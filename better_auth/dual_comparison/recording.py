"""Findings become counts, one row for each day, route and reason; everything beside the requests.

Bounded at each step: what comes too fast is left out and counted as such, and what a process has not written
when it is killed, a second's worth, is lost. It is a sample anyway.
"""

from __future__ import annotations

import logging
import queue
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
from better_auth.one_by_one import OneByOne
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


def _work(jobs: queue.Queue[Job]) -> None:
    counts = Counts()
    while True:
        try:
            # Without anything to be written there is nothing to wake up for.
            note(jobs.get(timeout=FLUSH_SECONDS if counts.by_key else None), counts)
            is_quiet = jobs.empty()
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


_behind: OneByOne[Job] = OneByOne("dual-comparison", _work, most=MOST_WAITING)


def behind(job: Job) -> None:
    """Hand it over; the request goes on."""
    if not _behind.put(job):
        observe("dual_comparison", "dropped")


def at_once(job: Job) -> None:
    """The same in the caller's thread, for tests and scripts."""
    counts = Counts()
    note(job, counts)
    counts.flush()
