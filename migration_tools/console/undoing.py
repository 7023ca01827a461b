"""``migrate_users --rollback``."""

from __future__ import annotations

import csv
import json
from contextlib import suppress
from pathlib import Path

from django.db import Error, InterfaceError, OperationalError

from migration_tools import journal
from migration_tools.committing import Stopped
from migration_tools.console.exits import Exit
from migration_tools.console.told import Terminal, target_name
from migration_tools.models import MigrationRecord, MigrationRun, RecordState, RunState
from migration_tools.progress import Display
from migration_tools.reports import ensure_writable, harmless, opened_privately
from migration_tools.rollback import Rollback, RollbackRefused, ensure_readable, find_run

MOST_SHOWN = 20
# With an end of their own.
TOLD_ELSEWHERE = (RollbackRefused, KeyboardInterrupt, OperationalError, InterfaceError)


def roll_back(
    terminal: Terminal, name: str | None, run_id: int | None, force_changed: bool, report: str | None
) -> Exit:
    """Undo a run; users who changed here since stay, and are listed."""
    run = find_run(name, run_id)
    ensure_readable(run)
    count = MigrationRecord.objects.filter(run=run, state=RecordState.MIGRATED).count()
    export = f"{report or f'migration-run-{run.pk}'}.lost.jsonl" if force_changed else None
    for path in filter(None, (export, report, report and _csv_path(report))):
        ensure_writable(path)
    if force_changed:
        terminal.warn(f"Users who changed here go, too; what is lost with them is written to {export} first.")
    terminal.ensure_sure(f"Undo run {run.pk} of {run.source} in {target_name()} ({count:,} users)?")
    rollback = _undo(terminal, run, force_changed, export)
    terminal.say(
        f"Run {run.pk} is undone: {rollback.counts['deleted']:,} users deleted, "
        f"{rollback.counts['restored']:,} put back to what they were."
    )
    _list_kept(terminal, rollback)
    _list_organizations(terminal, rollback)
    if report:
        _write_report(report, rollback)
        terminal.say(f"Report: {report}; each user who was kept: {_csv_path(report)}")
    return Exit.KEPT if rollback.kept or rollback.kept_organizations else Exit.DONE


def _undo(terminal: Terminal, run: MigrationRun, force_changed: bool, export: str | None) -> Rollback:
    lease = journal.take_over(run, state=RunState.ROLLING_BACK)
    rollback = Rollback(run, lease, force_changed=force_changed, export=export)
    with Display(terminal.out) as display:
        rollback.tell = lambda done, total: display.show("undoing", done, total)
        try:
            rollback.undo()
        except journal.LeaseLost:
            raise
        except BaseException as fault:  # whatever ended it, it can be begun again
            problem = type(fault).__name__
            with suppress(Error):
                journal.give_up(run, lease, problem=problem)
            if isinstance(fault, TOLD_ELSEWHERE):
                raise
            raise Stopped(f"{problem}; --rollback --run {run.pk} goes on where it stopped") from fault
    return rollback


def _list_kept(terminal: Terminal, rollback: Rollback) -> None:
    stuck = [one for one in rollback.kept if one.even_by_force]
    changed = [one for one in rollback.kept if not one.even_by_force]
    for found, what in ((changed, "have changed here since and"), (stuck, "can't be undone and")):
        if not found:
            continue
        terminal.warn(f"{len(found):,} users {what} were kept:")
        for one in found[:MOST_SHOWN]:
            terminal.say(f"  {one.record.legacy_id}: {', '.join(one.reasons)}")
        if len(found) > MOST_SHOWN:
            terminal.say(f"  … and {len(found) - MOST_SHOWN:,} more")
    if changed:
        terminal.say(
            f"To undo those who changed all the same: --rollback --run {rollback.run.pk} --force-changed, "
            "which exports them first."
        )
    if stuck:
        terminal.say(f"When nothing stands in the way any more: --rollback --run {rollback.run.pk}")


def _list_organizations(terminal: Terminal, rollback: Rollback) -> None:
    found = rollback.kept_organizations
    if found:
        terminal.warn(f"{len(found):,} organizations have changed or are in use here, and were kept:")
    for row_id, reasons in found[:MOST_SHOWN]:
        terminal.say(f"  {row_id}: {', '.join(reasons)}")
    if len(found) > MOST_SHOWN:
        terminal.say(f"  … and {len(found) - MOST_SHOWN:,} more")


def _write_report(path: str, rollback: Rollback) -> None:
    with opened_privately(_csv_path(path), newline="") as file:
        table = csv.writer(file)
        table.writerow(("id", "user", "changes"))
        for one in rollback.kept:
            cells = (one.record.legacy_id, one.record.user_public_id, ", ".join(one.reasons))
            table.writerow([harmless(cell) for cell in cells])
    run = rollback.run
    counts = {name: rollback.counts[name] for name in ("deleted", "restored", "kept")}
    told = {"mode": "rollback", "run": run.pk, "source": run.source, **counts, "kept_users": _csv_path(path)}
    if rollback.kept_organizations:
        told["kept_organizations"] = dict(rollback.kept_organizations)
    with opened_privately(path) as file:
        json.dump(told, file, indent=2)
        file.write("\n")


def _csv_path(report: str) -> str:
    return str(Path(report).with_suffix(".kept.csv"))
