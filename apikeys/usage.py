"""How often keys are used, and when they were last: written behind, in batches.

Uses gather in the process and are written every few seconds, so a key without limits costs a request no
write. A clean stop writes what is left; what a killed process had not yet written is lost, and that is at
most ``FLUSH_SECONDS``.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.db import Error, connection, transaction
from django.db.models import F, Q

from apikeys.models import ApiKey, ApiKeyUsage
from better_auth import clock
from better_auth.storage.at_end import run_at_end

logger = logging.getLogger("apikeys")

FLUSH_SECONDS = 10

Day = tuple[str, date]

_lock = threading.Lock()
_writing = threading.Lock()
_counts: Counter[Day] = Counter()
_last: dict[str, datetime] = {}
_writer_pid: int | None = None


def note(key_id: str, now: datetime, *, is_written: bool) -> None:
    """The key was used. Returns at once. ``is_written``: the row itself shows it already."""
    with _lock:
        _counts[key_id, now.date()] += 1
        if not is_written:
            _last[key_id] = now
        if _writer_pid != os.getpid():
            _begin()


def flush() -> None:
    """Write what has gathered; what can't be written now is kept for the next time."""
    global _last
    with _writing:
        with _lock:
            counts, last = Counter(_counts), _last
            _counts.clear()
            _last = {}
        if not counts:
            return
        try:
            _write(counts, last)
        except BaseException:
            with _lock:
                _counts.update(counts)
                _last = {**last, **_last}
            raise


def per_day(key_id: str, *, days: int, today: date) -> Mapping[date, int]:
    """Uses on each of the last ``days``, today included, those of other processes as far as written."""
    first = today - timedelta(days=days - 1)
    rows = ApiKeyUsage.objects.filter(key_id=key_id, day__gte=first).values_list("day", "count")
    counted = dict(rows)
    with _lock:
        for (one, day), count in _counts.items():
            if one == key_id:
                counted[day] = counted.get(day, 0) + count
    each = (first + timedelta(days=number) for number in range(days))
    return {day: counted.get(day, 0) for day in each}


def forget_before(day: date) -> None:
    """Delete the counts of earlier days."""
    ApiKeyUsage.objects.filter(day__lt=day).delete()


def abandon() -> None:
    """In a forked child: what gathered is the parent's to write, and whoever held a lock is not here."""
    global _lock, _writing, _last, _writer_pid
    _lock, _writing, _writer_pid = threading.Lock(), threading.Lock(), None
    _counts.clear()
    _last = {}


def _write(counts: Mapping[Day, int], last: Mapping[str, datetime]) -> None:
    """In the order of the keys, so that two processes that write at once never wait for each other."""
    with transaction.atomic():
        known = set(ApiKey.objects.filter(pk__in={key for key, _ in counts}).values_list("pk", flat=True))
        days = sorted(one for one in counts if one[0] in known)
        blank = [ApiKeyUsage(key_id=key, day=day) for key, day in days]
        ApiKeyUsage.objects.bulk_create(blank, ignore_conflicts=True)
        for key, day in days:
            row = ApiKeyUsage.objects.filter(key_id=key, day=day)
            row.update(count=F("count") + counts[key, day])
        for key in sorted(known & last.keys()):
            older = Q(last_request__isnull=True) | Q(last_request__lt=last[key])
            ApiKey.objects.filter(older, pk=key).update(last_request=last[key], updated_at=last[key])


def _begin() -> None:
    """One writer thread for each process."""
    global _writer_pid
    _writer_pid = os.getpid()
    threading.Thread(target=_write_forever, name="api-key-usage", daemon=True).start()
    run_at_end(_flush_safely)


def _write_forever() -> None:
    pause = threading.Event()
    while not pause.wait(FLUSH_SECONDS):
        _flush_safely()


def _flush_safely() -> None:
    try:
        flush()
    except Error as fault:  # the database is away: the next time tries again
        logger.warning("uses of API keys could not be written yet: %s", type(fault).__name__)
    finally:
        connection.close()


def today() -> date:
    """By UTC, as counts are kept."""
    return clock.now().date()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=abandon)
