"""``migrate_users --rollback``."""

from __future__ import annotations

from contextlib import suppress

from django.db import Error

from migration_tools import journal
from migration_tools.console.exits import Exit
from migration_tools.console.told import Terminal, target_name
from migration_tools.models import MigrationRecord, RecordState, RunState
from migration_tools.progress import Display
from migration_tools.rollback import Rollback, find_run

MOST_SHOWN = 20


def roll_back(
    terminal: Terminal, name: str | None, run_id: int | None, force_changed: bool, report: str | None
) -> Exit:
    """Undo a run; users who changed here since stay, and are listed."""
    run = find_run(name, run_id)
    count = MigrationRecord.objects.filter(run=run, state=RecordState.MIGRATED).count()
    export = f"{report or f'migration-run-{run.pk}'}.lost.jsonl" if force_changed else None
    if force_changed:
        terminal.warn(f"Users who changed here go, too; what is lost with them is written to {export} first.")
    terminal.ensure_sure(f"Undo run {run.pk} of {run.source} in {target_name()} ({count:,} users)?")
    lease = journal.take_over(run, state=RunState.ROLLING_BACK)
    rollback = Rollback(run, lease, force_changed=force_changed, export=export)
    with Display(terminal.out) as display:
        rollback.tell = lambda done, total: display.show("undoing", done, total)
        try:
            rollback.undo()
        except journal.LeaseLost:
            raise
        except BaseException as fault:  # whatever ended it, it can be begun again
            with suppress(Error):
                journal.give_up(run, lease, problem=type(fault).__name__)
            raise
    terminal.say(
        f"Run {run.pk} is undone: {rollback.counts['deleted']:,} users deleted, "
        f"{rollback.counts['restored']:,} put back to what they were."
    )
    if not rollback.kept:
        return Exit.DONE
    terminal.warn(f"{len(rollback.kept):,} users have changed here since and were kept:")
    for one in rollback.kept[:MOST_SHOWN]:
        terminal.say(f"  {one.record.legacy_id}: {', '.join(one.changes)}")
    if len(rollback.kept) > MOST_SHOWN:
        terminal.say(f"  … and {len(rollback.kept) - MOST_SHOWN:,} more")
    terminal.say(
        f"To undo them all the same: --rollback --run {run.pk} --force-changed, which exports them first."
    )
    return Exit.KEPT
