"""``migrate_users --verify``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from migration_tools.console.exits import Exit
from migration_tools.console.told import Job, Terminal
from migration_tools.progress import Display
from migration_tools.reports import harmless, opened_privately
from migration_tools.verification import DRIFT, Difference, Finding, Verification

MOST_SHOWN = 20
MEANING = {
    Finding.EQUAL: "the same",
    Finding.CHANGED_HERE: "changed here since, and that stays",
    Finding.CHANGED_THERE: "changed there since: --resume --on-conflict update brings it",
    Finding.NOT_MIGRATED: "not brought: --resume tries again",
    Finding.DELETED_HERE: "deleted here since, and that stays",
    Finding.INVALID: "invalid there",
    Finding.GONE_THERE: "not there any more",
}


def verify(terminal: Terminal, job: Job, sample: int | None) -> Exit:
    """Compare, field by field, and list what differs."""
    job.ensure_reportable(_csv_path)
    total = sample or job.source.total()
    with _listing(job.report) as differences, Display(terminal.out) as display:
        verification = Verification(job.name, differences.add)
        verification.tell = lambda done: display.show("comparing", done, total)
        verification.compare(
            job.migration().items(), sample=sample, batch_size=job.batch_size, is_whole=job.is_whole
        )
    for one in differences.first:  # not before the bar is gone
        fields = f" ({', '.join(one.fields)})" if one.fields else ""
        terminal.say(f"  {one.place}: {one.finding}{fields}")
    for finding, meaning in MEANING.items():
        if verification.counts[finding]:
            terminal.say(f"{verification.counts[finding]:>12,}  {meaning}", hang=14)
    if job.report:
        _write_report(job.report, job.name, verification.counts)
        terminal.say(f"Report: {job.report}; each difference: {_csv_path(job.report)}")
    return Exit.DIFFERENT if any(verification.counts[one] for one in DRIFT) else Exit.DONE


@dataclass(slots=True)
class Differences:
    """All go into the table, and the first ones to the terminal."""

    table: Any = None
    first: list[Difference] = field(default_factory=list)

    def add(self, one: Difference) -> None:
        if len(self.first) < MOST_SHOWN:
            self.first.append(one)
        if self.table:
            cells = (one.place, one.external_id, one.finding, " ".join(one.fields))
            self.table.writerow([harmless(cell) for cell in cells])


@contextmanager
def _listing(report: str | None) -> Iterator[Differences]:
    if report is None:
        yield Differences()
        return
    with opened_privately(_csv_path(report), newline="") as file:
        table = csv.writer(file)
        table.writerow(("place", "id", "finding", "fields"))
        yield Differences(table)


def _write_report(path: str, source: str, findings: Mapping[str, int]) -> None:
    with opened_privately(path) as file:
        json.dump({"mode": "verify", "source": source, "findings": dict(findings)}, file, indent=2)
        file.write("\n")


def _csv_path(report: str) -> str:
    return f"{report}.differences.csv"
