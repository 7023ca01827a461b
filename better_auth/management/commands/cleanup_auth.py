"""``manage.py cleanup_auth``: delete what has expired. Run it once a day."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connections, router, transaction
from django.db.models import Model, QuerySet

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.models import (
    AuditEntry,
    DeviceCode,
    DualDifference,
    LegacyExchange,
    RefreshToken,
    Session,
    SigningKey,
    Verification,
)

BATCH_SIZE = 1000
# SQLite takes some 30,000 parameters in a statement.
LARGEST_BATCH = 10_000
BATCHES_PER_LINE = 10


@dataclass(frozen=True, slots=True)
class Chore:
    """``doomed``: the rows of one table to delete."""

    label: str
    doomed: QuerySet[Any]


class Command(BaseCommand):
    help = (
        "Delete expired sessions, verification and refresh tokens, device codes, marks of exchanged legacy "
        "tokens, signing keys that verify no more, and audit entries and counted differences from a former "
        "system older than AUDIT.RETENTION_DAYS, in batches. Safe to run twice at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        text = f"rows deleted in one transaction, 1 to {LARGEST_BATCH} (default: {BATCH_SIZE})"
        parser.add_argument("--batch-size", type=_batch_size, default=BATCH_SIZE, help=text)
        parser.add_argument("--dry-run", action="store_true", help="only count what would be deleted")

    def handle(self, *args: Any, batch_size: int, dry_run: bool, **options: Any) -> None:
        for chore in chores():
            number = chore.doomed.count() if dry_run else self._clean(chore, batch_size)
            self.stdout.write(f"{chore.label}: {number} {'to delete' if dry_run else 'deleted'}")
        if not auth_settings.audit.retention_days:
            self.stdout.write("Audit entries: kept for good (AUDIT.RETENTION_DAYS is 0)")

    def _clean(self, chore: Chore, batch_size: int) -> int:
        total = 0
        for number, deleted in enumerate(delete_in_batches(chore.doomed, batch_size), start=1):
            total += deleted
            if number % BATCHES_PER_LINE == 0:
                self.stdout.write(f"{chore.label}: {total} so far")
                self.stdout.flush()
        return total


def chores() -> list[Chore]:
    """What is to be deleted as of now."""
    now, days = clock.now(), auth_settings.audit.retention_days
    grace = timedelta(days=auth_settings.jwt.grace_days)
    found = [
        Chore("Expired sessions", Session.objects.filter(expires_at__lte=now)),
        Chore("Expired verification tokens", Verification.objects.filter(expires_at__lte=now)),
        Chore("Expired device codes", DeviceCode.objects.filter(expires_at__lte=now)),
        Chore("Spent legacy tokens", LegacyExchange.objects.filter(expires_at__lte=now)),
        Chore("Expired refresh tokens", RefreshToken.objects.filter(expires_at__lte=now)),
        Chore("Signing keys past their grace", SigningKey.objects.filter(expires_at__lte=now - grace)),
    ]
    if days:
        before = now - timedelta(days=days)
        entries = AuditEntry.objects.filter(created_at__lt=before)
        differences = DualDifference.objects.filter(day__lt=before.date())
        found.append(Chore(f"Audit entries older than {days} days", entries))
        found.append(Chore(f"Differences from the former system older than {days} days", differences))
    return found


def delete_in_batches(doomed: QuerySet[Any], size: int) -> Iterator[int]:
    """Delete these rows in the order of their primary key; yields what each batch deleted.

    A batch begins where the one before it ended, so that no row is read twice. Rows that somebody else has
    locked are passed over: that is another run, or a request that ends the session anyway.
    """
    rows = doomed.using(router.db_for_write(doomed.model)).order_by("pk")
    last = None
    while True:
        batch = rows if last is None else rows.filter(pk__gt=last)
        keys, deleted = _delete_first(batch, size)
        if keys:
            yield deleted
        if len(keys) < size:
            return
        last = keys[-1]


def _delete_first(rows: QuerySet[Model], size: int) -> tuple[list[Any], int]:
    """The primary keys of the batch, and how many of its rows this run deleted.

    Where rows can't be locked singly (SQLite) there is no transaction around both statements: one that
    begins by reading could not go on to write if another run has written meanwhile. The DELETE repeats the
    condition.
    """
    locks = connections[rows.db].features.has_select_for_update_skip_locked
    with transaction.atomic(using=rows.db) if locks else nullcontext():
        chosen = rows.select_for_update(skip_locked=True) if locks else rows
        keys = list(chosen.values_list("pk", flat=True)[:size])
        return keys, rows.filter(pk__in=keys).order_by().delete()[0] if keys else 0


def _batch_size(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LARGEST_BATCH:
        raise ArgumentTypeError(f"expected a number from 1 to {LARGEST_BATCH}, got {text!r}")
    return int(text)
