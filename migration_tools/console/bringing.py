"""``migrate_users``, with ``--dry-run`` or for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from django.db import Error, transaction

from better_auth import clock
from better_auth.events import publish
from migration_tools import journal
from migration_tools.console.exits import Exit
from migration_tools.console.told import Job, Terminal, target_name
from migration_tools.events import MigrationFinished, MigrationResumed, MigrationStarted, MigrationStopped
from migration_tools.journal import LeaseLost, RunRefused
from migration_tools.leases import Lease
from migration_tools.models import MigrationRecord, MigrationRun, RunState
from migration_tools.planning import Line, Outcome
from migration_tools.progress import Display
from migration_tools.reports import Report
from migration_tools.runner import UNKNOWN_HASH, Migration, Progress, Stopped, seldom_collected
from migration_tools.sources.source import SourceFault
from migration_tools.target import count_users, ensure_possible

LABELS = {
    Outcome.CREATED: "created",
    Outcome.LINKED: "linked to users who were here",
    Outcome.UPDATED: "updated",
    Outcome.UNCHANGED: "unchanged since they were brought",
    Outcome.SKIPPED: "skipped",
    Outcome.CONFLICT: "in conflict",
    Outcome.INVALID: "invalid",
    Outcome.FAILED: "refused by the database",
}
WORRIES = (Outcome.CONFLICT, Outcome.INVALID, Outcome.FAILED)
MOST_REASONS = 12


def rehearse(terminal: Terminal, job: Job) -> Exit:
    """The dry run: the same reading, checking and planning, and nothing written."""
    ensure_possible(job.policy)
    terminal.say(f"Dry run of {job.name} into {target_name()}: nothing is written.")
    migration, report = job.migration(), _report(job)
    reasons = Reasons(report)
    migration.listen = reasons.add
    with Display(terminal.out) as display:
        migration.tell = _shown_on(display, "planning")
        try:
            with seldom_collected():
                migration.rehearse()
        finally:
            _close(report, job, migration, {"mode": "dry-run"})
    _summarise(terminal, migration, reasons, would=True)
    _name_report(terminal, report)
    return _exit(migration)


def bring(terminal: Terminal, job: Job, *, resume: bool) -> Exit:
    """The run itself. Raises what ends it before its time, after it was written down as resumable."""
    ensure_possible(job.policy)
    before = count_users()
    counted = ", ".join(f"{count:,} {name}" for name, count in before.items())
    verb = "Go on bringing" if resume else "Bring"
    terminal.ensure_sure(f"{verb} users of {job.name} into {target_name()} ({counted} now)?")
    run, lease = _resume(terminal, job) if resume else _start(job)
    migration, report = job.migration(), _report(job)
    reasons = Reasons(report)
    if run.checkpoint and report:
        report.add_former(MigrationRecord.objects.filter(run=run).order_by("position", "pk").iterator())
    migration.listen = reasons.add
    with Display(terminal.out) as display, _resumable(run, lease):
        migration.tell = _shown_on(display, "writing")
        try:
            with seldom_collected():
                migration.run(run, lease)
        finally:
            _close(report, job, migration, {"mode": "run", "run": run.pk})
        with transaction.atomic():
            journal.finish(run, lease)
            publish(MigrationFinished(details={"run": run.pk, "source": job.name, **migration.counts}))
    _summarise(terminal, migration, reasons, would=False)
    after = count_users()
    terminal.say("; ".join(f"{name}: {before[name]:,} before, {after[name]:,} now" for name in before))
    _name_report(terminal, report)
    terminal.say(f"Run {run.pk}. Undo it with: migrate_users --rollback --run {run.pk}")
    return _exit(migration)


class Reasons:
    """Counts why records were not brought, and hands every line on to the report."""

    def __init__(self, report: Report | None) -> None:
        self._report = report
        self.counts: dict[tuple[str, str], int] = {}
        self.examples: dict[tuple[str, str], str] = {}

    def add(self, line: Line) -> None:
        if line.reason:
            key = (line.outcome, line.reason)
            self.counts[key] = self.counts.get(key, 0) + 1
            self.examples.setdefault(key, f"{line.place}: {line.detail}" if line.detail else line.place)
        if self._report:
            self._report.add(line)


def _start(job: Job) -> tuple[MigrationRun, Lease]:
    with transaction.atomic():
        run, lease = journal.start(job.name, job.kind, options=job.options, identity=job.source.identity())
        publish(MigrationStarted(details={"run": run.pk, "source": job.name}))
    return run, lease


def _resume(terminal: Terminal, job: Job) -> tuple[MigrationRun, Lease]:
    """The open run of this source; a new one where there is none, which brings what came new or changed."""
    run = journal.find_open(job.name)
    if run is None:
        return _start(job)
    if run.state == RunState.ROLLING_BACK:
        raise RunRefused(journal.describe(run))
    differing = [
        name for name in {*run.options, *job.options} if run.options.get(name) != job.options.get(name)
    ]
    if set(differing) - {"on_conflict", "input"}:
        told = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(differing))
        raise RunRefused(f"run {run.pk} was begun with another {told}: resume it with the same")
    lease = journal.take_over(run, state=RunState.RUNNING)
    if run.identity != dict(job.source.identity()) and run.checkpoint:
        terminal.warn(
            "The input has changed since: it is read from its beginning; what was brought is recognised."
        )
        journal.keep(run, lease, checkpoint="", done=0, counts={}, identity=dict(job.source.identity()))
    publish(MigrationResumed(details={"run": run.pk, "source": job.name, "done": run.done}))
    terminal.say(f"Run {run.pk} goes on behind {run.done:,} records.")
    return run, lease


@contextmanager
def _resumable(run: MigrationRun, lease: Lease) -> Iterator[None]:
    try:
        yield
    except LeaseLost:
        raise
    except BaseException as fault:  # whatever ends the run, it is written down as one that can go on
        problem = "interrupted" if isinstance(fault, KeyboardInterrupt) else str(fault)[:500]
        if isinstance(fault, Error):
            problem = type(fault).__name__  # a database's message may quote a row
        has_begun = run.done > 0
        with suppress(Error, LeaseLost):
            journal.give_up(run, lease, problem=problem)
            publish(MigrationStopped(details={"run": run.pk, "source": run.source, "problem": problem}))
        if isinstance(fault, SourceFault) and has_begun:
            raise Stopped(f"{fault}; {run.done:,} records are done, --resume goes on") from None
        raise


def _shown_on(display: Display, writing: str) -> Any:
    def show(progress: Progress) -> None:
        phase = writing if progress.phase == "writing" else progress.phase
        display.show(phase, progress.done, progress.total, progress.counts)

    return show


def _report(job: Job) -> Report | None:
    return Report(job.report) if job.report else None


def _close(report: Report | None, job: Job, migration: Migration, told: Mapping[str, Any]) -> None:
    if report:
        report.close({**told, "source": job.name, "at": clock.now().isoformat()}, migration.counts)


def _name_report(terminal: Terminal, report: Report | None) -> None:
    if report:
        terminal.say(f"Report: {report.path}; each record that was not brought: {report.csv_path}")


def _summarise(terminal: Terminal, migration: Migration, reasons: Reasons, *, would: bool) -> None:
    terminal.say(f"{migration.done:,} records read{', this would become of them' if would else ''}:")
    for outcome, label in LABELS.items():
        count = migration.counts.get(outcome, 0)
        if count:
            line = f"{count:>12,}  {label}"
            (terminal.warn if outcome in WORRIES else terminal.say)(line)
            if outcome is Outcome.CREATED and migration.counts.get(UNKNOWN_HASH):
                unknown = migration.counts[UNKNOWN_HASH]
                terminal.warn(
                    f"{unknown:>16,}  of them with a hash that nobody here can read: they need a reset"
                )
        _show_reasons(terminal, reasons, outcome)


def _show_reasons(terminal: Terminal, reasons: Reasons, outcome: Outcome) -> None:
    found = [(count, reason) for (of, reason), count in reasons.counts.items() if of == outcome]
    for count, reason in sorted(found, reverse=True)[:MOST_REASONS]:
        terminal.say(f"{count:>16,}  {reason} (first: {reasons.examples[str(outcome), reason]})")


def _exit(migration: Migration) -> Exit:
    return Exit.INCOMPLETE if any(migration.counts.get(one, 0) for one in WORRIES) else Exit.DONE
