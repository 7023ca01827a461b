"""``migrate_users``, with ``--dry-run`` or for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from django.core.management.base import CommandError
from django.db import Error, InterfaceError, OperationalError, connection, transaction

from better_auth import clock
from better_auth.events import publish
from migration_tools import api_key_rows, deltas, journal, organization_rows
from migration_tools.checking import NO_HASHER
from migration_tools.committing import Stopped
from migration_tools.console import beginning
from migration_tools.console.exits import Exit
from migration_tools.console.told import Job, Terminal, target_name
from migration_tools.events import MigrationFinished, MigrationStopped
from migration_tools.journal import LeaseLost
from migration_tools.lanes import LaneDied
from migration_tools.leases import Lease
from migration_tools.models import MigrationRecord, MigrationRun
from migration_tools.planning import Line, Outcome
from migration_tools.progress import Display
from migration_tools.reports import Report, csv_path
from migration_tools.runner import Migration, seldom_collected
from migration_tools.sources.source import SourceFault
from migration_tools.tally import API_KEYS, KEPT_FACTORS, MEMBERSHIPS, UNKNOWN_HASH, Progress
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
# The words of any other fault may quote a row.
OUR_WORDS = (Stopped, SourceFault, LaneDied, CommandError)
# What comes with users, and the app that has a place for it.
MEMBERS = ("memberships of organizations", "organizations")
KEYS = ("API keys of users", "apikeys")
# With an end of their own.
TOLD_ELSEWHERE = (Stopped, KeyboardInterrupt, OperationalError, InterfaceError)


def rehearse(terminal: Terminal, job: Job) -> Exit:
    """The dry run: the same reading, checking and planning, and nothing written."""
    ensure_possible(job.policy)
    job.ensure_reportable(csv_path)
    terminal.say(f"Dry run of {job.name} into {target_name()}: nothing is written.")
    migration, report = job.migration(), _report(job)
    reasons = Reasons(report)
    migration.tally.listen = reasons.add
    try:
        with Display(terminal.out) as display, seldom_collected():
            migration.tally.tell = _shown_on(display, "planning")
            migration.rehearse()
    finally:
        _close(report, job, migration, {"mode": "dry-run"})
    _summarise(terminal, migration, reasons, would=True)
    _name_report(terminal, report)
    return _exit(migration)


def bring(terminal: Terminal, job: Job, *, resume: bool) -> Exit:
    """The run itself. Raises what ends it before its time, after it was written down as resumable."""
    ensure_possible(job.policy)
    job.ensure_reportable(csv_path)
    before = count_users()
    counted = ", ".join(f"{count:,} {name}" for name, count in before.items())
    verb = "Go on bringing" if resume else "Bring"
    terminal.ensure_sure(f"{verb} users of {job.name} into {target_name()} ({counted} now)?")
    run, lease = beginning.resume(terminal, job) if resume else beginning.start(terminal, job)
    migration, report = job.migration(), _report(job)
    reasons = Reasons(report)
    if run.checkpoint and report:
        report.add_former(MigrationRecord.objects.filter(run=run).order_by("position", "pk").iterator())
    migration.tally.listen = reasons.add
    with _resumable(run, lease):
        try:
            with Display(terminal.out) as display, seldom_collected():
                migration.tally.tell = _shown_on(display, "writing")
                migration.run(run, lease)
        finally:
            _close(report, job, migration, {"mode": "run", "run": run.pk})
        with transaction.atomic():
            deltas.forget_former_attempts(run, is_whole=job.is_whole)
            journal.finish(run, lease)
            publish(MigrationFinished(details={"run": run.pk, "source": job.name, **migration.tally.counts}))
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
        self.remarks: dict[str, int] = {}
        self.remarked: dict[str, str] = {}

    def add(self, line: Line) -> None:
        for warning in line.warnings:
            self.remarks[warning] = self.remarks.get(warning, 0) + 1
            self.remarked.setdefault(warning, line.place)
        if line.reason:
            key = (line.outcome, line.reason)
            self.counts[key] = self.counts.get(key, 0) + 1
            self.examples.setdefault(key, f"{line.place}: {line.detail}" if line.detail else line.place)
        if self._report:
            self._report.add(line)


@contextmanager
def _resumable(run: MigrationRun, lease: Lease) -> Iterator[None]:
    was_atomic = connection.in_atomic_block
    try:
        yield
    except LeaseLost:
        raise
    except BaseException as fault:  # whatever ends the run, it is written down as one that can go on
        problem = "interrupted" if isinstance(fault, KeyboardInterrupt) else type(fault).__name__
        if isinstance(fault, OUR_WORDS):
            problem = str(fault)[:500]
        if not was_atomic:  # an interrupt amid the beginning or the end of a transaction leaves it half open
            connection.in_atomic_block = False
            connection.close()
        with suppress(Error, LeaseLost):
            journal.give_up(run, lease, problem=problem)
            publish(MigrationStopped(details={"run": run.pk, "source": run.source, "problem": problem}))
        if run.done and not isinstance(fault, TOLD_ELSEWHERE):
            raise Stopped(f"{problem}; {run.done:,} records are done, --resume goes on") from fault
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
        report.close({**told, "source": job.name, "at": clock.now().isoformat()}, migration.tally.counts)


def _name_report(terminal: Terminal, report: Report | None) -> None:
    if report:
        terminal.say(f"Report: {report.path}; each record that was not brought: {report.csv_path}")


def _summarise(terminal: Terminal, migration: Migration, reasons: Reasons, *, would: bool) -> None:
    terminal.say(f"{migration.tally.done:,} records read{', this would become of them' if would else ''}:")
    if migration.selection.emails is not None:  # whoever mistyped one is to see it
        terminal.say(f"(of {len(migration.selection.emails):,} addresses that --only-emails names)")
    for outcome, label in LABELS.items():
        count = migration.tally.counts.get(outcome, 0)
        if count:
            (terminal.warn if outcome in WORRIES else terminal.say)(f"{count:>12,}  {label}", hang=14)
            if outcome is Outcome.CREATED and migration.tally.counts.get(UNKNOWN_HASH):
                unknown = migration.tally.counts[UNKNOWN_HASH]
                told = "of them with a hash that nobody here can read: they need a reset"
                terminal.warn(f"{unknown:>16,}  {told}", hang=18)
        _show_reasons(terminal, reasons, outcome)
    _show_factors(terminal, migration, would=would)
    for one, what, is_there in (
        (MEMBERSHIPS, MEMBERS, organization_rows.is_available()),
        (API_KEYS, KEYS, api_key_rows.is_available()),
    ):
        _show_along(terminal, migration.tally.counts.get(one, 0), what, is_there=is_there, would=would)
    _show_remarks(terminal, reasons)


def _show_factors(terminal: Terminal, migration: Migration, *, would: bool) -> None:
    count = migration.tally.counts.get(KEPT_FACTORS, 0)
    if count:
        verb = "would be kept" if would else "are kept"
        told = f"have second factors or passkeys, which {verb}, encrypted, beside what is in use here"
        terminal.say(f"{count:>12,}  {told}", hang=14)


def _show_along(terminal: Terminal, count: int, of: tuple[str, str], *, is_there: bool, would: bool) -> None:
    what, app = of
    if count and is_there:
        terminal.say(f"{count:>12,}  {what} {'would come' if would else 'came'} along", hang=14)
    elif count:
        told = f"{what} stay behind: the app {app} is not installed"
        terminal.warn(f"{count:>12,}  {told}", hang=14)


def _show_remarks(terminal: Terminal, reasons: Reasons) -> None:
    if reasons.remarks:
        terminal.say("Remarks on some of them:")
    for remark, count in sorted(reasons.remarks.items(), key=lambda one: -one[1]):
        terminal.say(f"{count:>12,}  {remark} (first: {reasons.remarked[remark]})", hang=14)
    if NO_HASHER in reasons.remarks:
        terminal.warn(
            "Nothing in PASSWORD_HASHERS reads the hashes of those with no-hasher, so they can't sign in: "
            "append *better_auth.crypto.legacy_hashes.HASHERS to it, and install bcrypt if theirs are such."
        )


def _show_reasons(terminal: Terminal, reasons: Reasons, outcome: Outcome) -> None:
    found = [(count, reason) for (of, reason), count in reasons.counts.items() if of == outcome]
    for count, reason in sorted(found, reverse=True)[:MOST_REASONS]:
        example = reasons.examples[str(outcome), reason]
        terminal.say(f"{count:>16,}  {reason} (first: {example})", hang=18)


def _exit(migration: Migration) -> Exit:
    return Exit.INCOMPLETE if any(migration.tally.counts.get(one, 0) for one in WORRIES) else Exit.DONE
