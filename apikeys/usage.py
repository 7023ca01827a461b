"""How often keys are used, and when they were last: written behind, in batches.

Uses gather in the process and are written every few seconds, so a key without limits costs a request no
write. A clean stop writes what is left; what a killed process had not yet written is lost, and that is at
most ``FLUSH_SECONDS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Q

from apikeys.models import ApiKey, ApiKeyUsage
from better_auth import clock
from better_auth.storage.written_behind import WrittenBehind

Day = tuple[str, date]


class Uses(NamedTuple):
    """``last``: when the key was last used, as far as the row does not show it."""

    number: int
    last: datetime | None


NONE = Uses(0, None)


def note(key_id: str, now: datetime, *, is_written: bool) -> None:
    """The key was used. Returns at once. ``is_written``: the row itself shows it already."""
    use = Uses(1, None if is_written else now)
    _behind.put((key_id, now.date()), lambda before: _sum(before or NONE, use))


def flush() -> None:
    """Write what has gathered; what can't be written now is kept for the next time."""
    _behind.flush()


def per_day(key_id: str, *, days: int, today: date) -> Mapping[date, int]:
    """Uses on each of the last ``days``, today included, those of other processes as far as written."""
    first = today - timedelta(days=days - 1)
    rows = ApiKeyUsage.objects.filter(key_id=key_id, day__gte=first).values_list("day", "count")
    counted = dict(rows)
    each = [first + timedelta(days=number) for number in range(days)]
    return {day: counted.get(day, 0) + (_behind.find((key_id, day)) or NONE).number for day in each}


def forget_before(day: date) -> None:
    """Delete the counts of earlier days."""
    ApiKeyUsage.objects.filter(day__lt=day).delete()


def forget() -> None:
    """What is not written yet."""
    _behind.forget()


def today() -> date:
    """By UTC, as counts are kept."""
    return clock.now().date()


def _sum(before: Uses, after: Uses) -> Uses:
    return Uses(before.number + after.number, after.last or before.last)


def _write(uses: Mapping[Day, Uses]) -> None:
    """In the order of the keys, so that two processes that write at once never wait for each other."""
    with transaction.atomic():
        known = set(ApiKey.objects.filter(pk__in={key for key, _ in uses}).values_list("pk", flat=True))
        days = sorted(one for one in uses if one[0] in known)
        blank = [ApiKeyUsage(key_id=key, day=day) for key, day in days]
        ApiKeyUsage.objects.bulk_create(blank, ignore_conflicts=True)
        for key, day in days:
            row = ApiKeyUsage.objects.filter(key_id=key, day=day)
            row.update(count=F("count") + uses[key, day].number)
        for key, day in days:
            last = uses[key, day].last
            if last is not None:
                older = Q(last_request__isnull=True) | Q(last_request__lt=last)
                ApiKey.objects.filter(older, pk=key).update(last_request=last, updated_at=last)


# However many keys there are: each use counts.
_behind: WrittenBehind[Day, Uses] = WrittenBehind("api-key-usage", _write, most=None, again=_sum)
