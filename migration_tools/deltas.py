"""Which part of a source a run reads: all of it, or what changed there since an earlier run.

A run that reads a source with a watermark remembers, with its own row and before it reads, up to where it was
changed by then. That counts from the moment when the run is finished, and no more once it is rolled back.
What changes while the run reads is above it, wherever in the table it stands, and comes with the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from migration_tools.models import MigrationRecord, MigrationRun, RecordState, RunState
from migration_tools.sources.source import Source, Window

# Beyond these a run reads everything: it would have to look up most of it by id.
MOST_AGAIN = 50_000


def since_last(source: str, described: Mapping[str, Any], of: Source) -> Window | None:
    """The part of the source that changed since the last finished run that read it as ``described``, with
    what no run could bring; None where there is no such run, or too much to be tried again."""
    for run in MigrationRun.objects.filter(source=source, state=RunState.FINISHED).order_by("-pk"):
        if run.watermark.get("reached") is not None and run.watermark["of"] == described:
            again = _not_brought(source, of)
            return None if len(again) > MOST_AGAIN else Window(run.watermark["reached"], tuple(again))
    return None


def remembered(window: Window | None, described: Mapping[str, Any], reached: str | None) -> dict[str, Any]:
    """What the run keeps of it. ``reached``: None for a run that does not read everything."""
    found: dict[str, Any] = {"of": dict(described), "reached": reached}
    if window is not None:
        found |= {"since": window.since, "again": list(window.again)}
    return found


def window_of(run: MigrationRun) -> Window | None:
    """The part that the run reads, whenever it goes on."""
    kept = run.watermark
    return Window(kept["since"], tuple(kept["again"])) if "since" in kept else None


def forget_own_attempts(run: MigrationRun) -> None:
    """Records that can't be recognised by an id, of a run that reads its input again from the beginning."""
    _without_id(run.source).filter(run=run).delete()


def forget_former_attempts(run: MigrationRun, *, is_whole: bool) -> None:
    """The same, of earlier runs: this one has read them again, and its own stand for them.

    Not before the run is at its end: until then they say what is to be read again. Of a run that was not
    ``is_whole`` only those whose place it has been at, once somebody relies on them.
    """
    rows = _without_id(run.source).exclude(run=run)
    if not is_whole and MigrationRun.objects.filter(source=run.source).exclude(watermark={}).exists():
        rows = rows.filter(place__in=MigrationRecord.objects.filter(run=run).values("place"))
    rows.delete()


def _without_id(source: str) -> QuerySet[MigrationRecord]:
    kept = (RecordState.MIGRATED, RecordState.ROLLED_BACK)
    return MigrationRecord.objects.filter(source=source, legacy_id=None).exclude(state__in=kept)


def _not_brought(source: str, of: Source) -> list[str]:
    rows = MigrationRecord.objects.filter(source=source).exclude(state=RecordState.MIGRATED)
    found: set[str] = set()
    for legacy_id, place in rows.values_list("legacy_id", "place").iterator():
        known = legacy_id or of.id_at(place)
        if known is not None:
            found.add(known)
        if len(found) > MOST_AGAIN:
            break
    return sorted(found)
