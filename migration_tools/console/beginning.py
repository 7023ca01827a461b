"""A run begins, or goes on: which part of its source it reads is settled here, before anything is read."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from better_auth.events import publish
from migration_tools import deltas, journal
from migration_tools.console.told import Job, Terminal
from migration_tools.events import MigrationResumed, MigrationStarted
from migration_tools.journal import RunRefused
from migration_tools.leases import Lease
from migration_tools.models import MigrationRun, RunState
from migration_tools.sources.watermarks import in_words

# Between a run and the next that reads on from it.
MAY_DIFFER = ("on_conflict", "limit", "only_emails")


def start(terminal: Terminal, job: Job, *, reads_all: bool = True) -> tuple[MigrationRun, Lease]:
    """A new run. Raises ``RunRefused`` where one is open, ``SourceFault``."""
    identity = dict(job.source.identity())
    watermark = _watermark(terminal, job, identity, reads_all=reads_all)
    with transaction.atomic():
        run, lease = journal.start(
            job.name, job.kind, options=job.options, identity=identity, watermark=watermark
        )
        publish(MigrationStarted(details={"run": run.pk, "source": job.name}))
    job.source.window = deltas.window_of(run)
    return run, lease


def resume(terminal: Terminal, job: Job) -> tuple[MigrationRun, Lease]:
    """The open run of this source; a new one where there is none, which brings what came new or changed."""
    run = journal.find_open(job.name)
    if run is None:
        return start(terminal, job, reads_all=False)
    if run.state == RunState.ROLLING_BACK:
        raise RunRefused(journal.describe(run))
    differing = [
        name for name in {*run.options, *job.options} if run.options.get(name) != job.options.get(name)
    ]
    if set(differing) - {"on_conflict", "input"}:
        told = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(differing))
        raise RunRefused(f"run {run.pk} was begun with another {told}: resume it with the same")
    lease = journal.take_over(run, state=RunState.RUNNING)
    identity = dict(job.source.identity())
    if run.identity != identity and run.checkpoint:
        terminal.warn(
            "The input has changed since: it is read from its beginning; what was brought is recognised."
        )
        watermark = _watermark(terminal, job, identity, reads_all=True)
        journal.keep(run, lease, checkpoint="", done=0, counts={}, identity=identity, watermark=watermark)
    job.source.window = deltas.window_of(run)
    publish(MigrationResumed(details={"run": run.pk, "source": job.name, "done": run.done}))
    terminal.say(f"Run {run.pk} goes on behind {run.done:,} records.")
    return run, lease


def _watermark(terminal: Terminal, job: Job, identity: dict[str, Any], *, reads_all: bool) -> dict[str, Any]:
    """What the run is to remember; empty without a watermark."""
    if "watermark" not in job.options:
        return {}
    options = {name: one for name, one in job.options.items() if name not in MAY_DIFFER}
    described = {"identity": identity, "options": options, "mapping": job.mapping_digest}
    is_limited = bool({"limit", "only_emails"} & job.options.keys())
    reached = None if is_limited else job.source.reached(job.overlap)
    window = None if reads_all else deltas.since_last(job.name, described, job.source)
    if window is not None:
        terminal.say(
            f"Only what changed since the last run is read ({job.options['watermark']} from "
            f"{in_words(window.since)} on), and {len(window.again):,} records again that were not brought. "
            "Without --resume all is read."
        )
    elif not reads_all:
        terminal.say("All is read: no finished run has read this source with this watermark and mapping.")
    return deltas.remembered(window, described, reached)
