"""Counts for ``--status``, the admin site and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Sum

from migration_tools.journal import OPEN
from migration_tools.models import KeptFactors, MigrationRecord, MigrationRun, RecordState, SchemeComparison

# A longer one has a line of its own in the table.
LONGEST_NAME = 18


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """``states``: how many records are in each; ``total``: all that are known of."""

    source: str
    states: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.states.values())

    def share(self, state: str) -> float:
        """Between 0 and 1."""
        return self.states.get(state, 0) / self.total if self.total else 0.0


def status(source: str | None = None) -> list[SourceStatus]:
    """By source. What an open run has found and not reached yet is pending."""
    # A later try at a record that was brought before is noted beside it, and counts no second time.
    records = MigrationRecord.objects.exclude(legacy_id=None, user_public_id__gt="")
    runs = MigrationRun.objects.all()
    if source is not None:
        records, runs = records.filter(source=source), runs.filter(source=source)
    found: dict[str, dict[str, int]] = {
        name: {} for name in runs.order_by("source").values_list("source", flat=True)
    }
    for name, state, count in records.order_by().values_list("source", "state").annotate(Count("pk")):
        found.setdefault(name, {})[state] = count
    for run in runs.filter(state__in=OPEN):
        waiting = max((run.total or 0) - run.done, 0)
        if waiting:
            states = found.setdefault(run.source, {})
            states[RecordState.PENDING] = states.get(RecordState.PENDING, 0) + waiting
    return [SourceStatus(name, states) for name, states in sorted(found.items())]


@dataclass(frozen=True, slots=True)
class Kept:
    """Factors from a source that wait to be used here: of how many users, and how many of each kind."""

    source: str
    users: int
    totp: int
    recovery_codes: int
    passkeys: int

    def told(self) -> str:
        return (
            f"{self.users:,} users of {self.source} have factors that are kept, encrypted, beside what is in "
            f"use here: {self.totp:,} authenticators, {self.recovery_codes:,} recovery codes, "
            f"{self.passkeys:,} passkeys"
        )


def kept(source: str | None = None) -> list[Kept]:
    """By source."""
    rows = KeptFactors.objects.order_by("source")
    if source is not None:
        rows = rows.filter(source=source)
    sums = rows.values("source").annotate(
        users=Count("pk"), totps=Sum("totp"), codes=Sum("recovery_codes"), keys=Sum("passkeys")
    )
    return [Kept(one["source"], one["users"], one["totps"], one["codes"], one["keys"]) for one in sums]


def table(found: Sequence[SourceStatus]) -> list[str]:
    """Lines that fit a terminal: the counts of each source, and below them their shares."""
    rows = [["source", *RecordState.values, "all"]]
    for one in found:
        name = one.source
        if len(name) > LONGEST_NAME:
            rows.append([name, *[""] * len(rows[0][1:])])
            name = ""
        counts = [f"{one.states.get(state, 0):,}" for state in RecordState]
        rows += [
            [name, *counts, f"{one.total:,}"],
            ["", *(f"{one.share(state):.1%}" for state in RecordState), ""],
        ]
    names, *others = zip(*rows, strict=True)
    first = max(len(name) for name in names if len(name) <= LONGEST_NAME)
    widths = [max(map(len, column)) + 2 for column in others]
    return [f"{name:<{first}}{''.join(map(str.rjust, cells, widths))}".rstrip() for name, *cells in rows]


@dataclass(frozen=True, slots=True)
class SchemeAgreement:
    """Shadow mode: ``accepted`` is the part of ``agree`` in which both said yes, which alone proves that our
    check can read the scheme."""

    source: str
    scheme: str
    agree: int
    accepted: int
    legacy_only: int
    ours_only: int
    unknown: int
    last_at: datetime

    @property
    def disagree(self) -> int:
        return self.legacy_only + self.ours_only


def agreements(source: str | None = None) -> list[SchemeAgreement]:
    """By source and scheme."""
    rows = SchemeComparison.objects.order_by("source", "scheme")
    if source is not None:
        rows = rows.filter(source=source)
    return [
        SchemeAgreement(
            row.source,
            row.scheme,
            agree=row.both_accept + row.both_refuse,
            accepted=row.both_accept,
            legacy_only=row.legacy_only,
            ours_only=row.ours_only,
            unknown=row.unknown,
            last_at=row.last_at,
        )
        for row in rows
    ]
