"""What a use of a key costs: ``remaining``, and the limit of its own. Source: api-key.md, section 6.

Each of the two is one guarded UPDATE, so that of any number of parallel uses exactly as many are allowed as
the row says, in whatever process. ``remaining`` goes first, and is not given back where the limit refuses.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.db.models.functions import Coalesce

from apikeys.configuration import configuration
from apikeys.errors import ErrorCode, KeyRefused
from apikeys.models import ApiKey
from apikeys.records import KeyRecord
from better_auth import clock

# A window or interval beyond this (some 90 years) never ends; adding it to a date might overflow.
LONGEST_MS = 90 * 365 * 86_400_000


def is_counted(key: KeyRecord) -> bool:
    """Whether a use must be written at once; otherwise it is written behind."""
    return key.remaining is not None or is_limited(key)


def is_limited(key: KeyRecord) -> bool:
    """The key has a limit of its own that holds; one without a window or a number holds nobody."""
    is_on = key.rate_limit_enabled and configuration(key.config_id).rules.rate_limit_enabled
    return is_on and key.rate_limit_time_window is not None and key.rate_limit_max is not None


def spend(key: KeyRecord, now: datetime, *, read_only: bool = False) -> None:
    """Count a use. Raises ``KeyRefused``: ``USAGE_EXCEEDED``, ``RATE_LIMITED``, or ``INVALID_API_KEY`` for a
    row that is gone by now. A key that is used up for good is deleted, unless ``read_only``."""
    if key.remaining is not None and not _take_one(key, now):
        raise _exhausted(key, read_only=read_only)
    if is_limited(key) and not _count_one(key, now):
        raise _limited(key, now)


def _take_one(key: KeyRecord, now: datetime) -> bool:
    row = ApiKey.objects.filter(pk=key.id)
    changes = {"updated_at": now, "last_request": Value(now, DateTimeField())}
    if is_limited(key):  # whose statement comes next, and goes by the last use
        del changes["last_request"]
    if key.refill_amount is None or key.refill_interval is None:
        return bool(row.filter(remaining__gt=0).update(remaining=F("remaining") - 1, **changes))
    due = Q(since__lt=now - _span(key.refill_interval))
    row = row.alias(since=Coalesce("last_refill_at", "created_at"))
    refilled = Case(When(due, then=F("refill_amount") - 1), default=F("remaining") - 1)
    refilled_at = Case(When(due, then=Value(now, DateTimeField())), default=F("last_refill_at"))
    row = row.filter(due | Q(remaining__gt=0))
    return bool(row.update(remaining=refilled, last_refill_at=refilled_at, **changes))


def _count_one(key: KeyRecord, now: datetime) -> bool:
    begins_anew = Q(last_request__isnull=True) | Q(last_request__lt=now - _window(key))
    allowed = ApiKey.objects.filter(begins_anew | Q(request_count__lt=F("rate_limit_max")), pk=key.id)
    count = Case(When(begins_anew, then=Value(1)), default=F("request_count") + 1)
    return bool(allowed.update(request_count=count, last_request=now, updated_at=now))


def _exhausted(key: KeyRecord, *, read_only: bool) -> KeyRefused:
    row = ApiKey.objects.filter(pk=key.id)
    if not row.exists():
        return KeyRefused(ErrorCode.INVALID_API_KEY)
    never_refilled = Q(refill_amount__isnull=True) | Q(refill_interval__isnull=True)
    if not read_only:
        row.filter(never_refilled, remaining__lte=0).delete()
    return KeyRefused(ErrorCode.USAGE_EXCEEDED, status=429)


def _limited(key: KeyRecord, now: datetime) -> KeyRefused:
    last = ApiKey.objects.filter(pk=key.id).values_list("last_request", flat=True).first()
    if last is None:
        return KeyRefused(ErrorCode.INVALID_API_KEY)
    wait = clock.epoch_ms(last + _window(key)) - clock.epoch_ms(now)
    return KeyRefused(ErrorCode.RATE_LIMITED, status=429, try_again_in=max(1, wait))


def _window(key: KeyRecord) -> timedelta:
    return _span(key.rate_limit_time_window or 0)


def _span(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=min(milliseconds, LONGEST_MS))
