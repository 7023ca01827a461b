"""``migrate_users --verify``."""

from __future__ import annotations

import csv
import json
from contextlib import ExitStack
from typing import Any

from migration_tools.console.exits import Exit
from migration_tools.console.told import Job, Terminal
from migration_tools.progress import Display
from migration_tools.reports import opened_privately
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
    migration, shown = job.migration(), 0
    with ExitStack() as stack:
        table: Any = None
        if job.report:
            path = f"{job.report}.differences.csv"
            table = csv.writer(stack.enter_context(opened_privately(path, newline="")))
            table.writerow(("place", "id", "finding", "fields"))

        def listen(difference: Difference) -> None:
            nonlocal shown
            shown += 1
            if shown <= MOST_SHOWN:
                fields = f" ({', '.join(difference.fields)})" if difference.fields else ""
                terminal.say(f"  {difference.place}: {difference.finding}{fields}")
            if table:
                cells = (
                    difference.place,
                    difference.external_id,
                    difference.finding,
                    " ".join(difference.fields),
                )
                table.writerow(cells)

        verification = Verification(job.name, listen)
        total = sample or job.source.total()
        with Display(terminal.out) as display:
            verification.tell = lambda done: display.show("comparing", done, total)
            verification.compare(migration.items(), sample=sample, batch_size=job.batch_size)
    for finding, meaning in MEANING.items():
        if verification.counts[finding]:
            terminal.say(f"{verification.counts[finding]:>12,}  {meaning}")
    if job.report:
        with opened_privately(job.report) as file:
            json.dump(
                {"mode": "verify", "source": job.name, "findings": dict(verification.counts)}, file, indent=2
            )
    return Exit.DIFFERENT if any(verification.counts[one] for one in DRIFT) else Exit.DONE
