"""Counts for ``--status``, the admin site and the report."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from migration_tools.journal import OPEN
from migration_tools.models import MigrationRecord, MigrationRun, RecordState


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
