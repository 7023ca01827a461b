"""``rehearse_migration``: from its options to its page."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.db import Error

from migration_tools import journal, leases
from migration_tools.console.arguments import told_again
from migration_tools.console.exits import Exit
from migration_tools.console.jobs import job_from
from migration_tools.console.told import Job, Terminal, target_name
from migration_tools.rehearsal import REAL_DEFAULT, copying, page
from migration_tools.rehearsal.findings import Findings
from migration_tools.rehearsal.performing import Rehearsal
from migration_tools.rehearsal.scratch import Scratch, ScratchFault, scratch_database, undisturbed
from migration_tools.rehearsal.stage import Stage
from migration_tools.rehearsal.verdict import judge
from migration_tools.reports import opened_privately
from migration_tools.runner import Selection

WORKSPACE = "rehearsal-"


def rehearse(out: Any, style: Any, options: dict[str, Any]) -> Exit:
    """Raises ``ScratchFault``, and what ``job_from`` raises."""
    terminal = Terminal(out, style, is_sure=True)
    job = job_from(options)
    try:
        job.ensure_reportable(lambda path: path)
        _ensure_worth_trying(job, copies=options["copy_users"])
        findings = _perform(terminal, job, options)
    finally:
        job.source.close()
    verdict = judge(findings, dict(options["accept"]))
    for line in page.lines(findings, verdict):
        terminal.say(line, hang=page.HANG)
    if options["report"]:
        with opened_privately(options["report"]) as file:
            json.dump(page.as_json(findings, verdict), file, indent=2)
            file.write("\n")
        terminal.say(f"Report: {options['report']}")
    return Exit.DONE if verdict.is_go else Exit.INCOMPLETE


def _ensure_worth_trying(job: Job, *, copies: bool) -> None:
    """What would be refused in earnest is refused here, before anything is made."""
    next(iter(job.source.read()), None)
    if copies:
        with suppress(Error):  # without tables there is nothing to copy, and that is said later
            run = journal.find_open(job.name)
            if run is not None:
                raise ScratchFault(journal.describe(run))


def _perform(terminal: Terminal, job: Job, options: dict[str, Any]) -> Findings:
    seed = options["seed"] if options["seed"] is not None else secrets.randbits(32)
    with _workspace() as workspace, scratch_database(options["scratch"], workspace) as scratch:
        name = _name(scratch)
        terminal.say(f"Rehearsing {job.name} on {name}, seed {seed}")
        stage = Stage(workspace, scratch, tell=lambda line: terminal.say(f"  {line}"))
        _prepare(terminal, stage)
        findings = Findings(
            source=job.name,
            target=target_name(),
            scratch=name,
            seed=seed,
            copied=_copy(terminal, job, scratch, wants_users=options["copy_users"]),
            here=_count_here(),
            is_narrowed=not job.is_whole,
        )
        Rehearsal(
            stage,
            told_again({**options, "name": job.name, "dsn": _dsn(options["dsn"])}),
            batch_size=job.batch_size,
            kills=options["kills"],
            whole=lambda: _whole(job),
            findings=findings,
            say=terminal.say,
        ).perform()
        return findings


def _prepare(terminal: Terminal, stage: Stage) -> None:
    terminal.say("Tables …")
    ended = stage.manage("migrate", "--noinput", "--run-syncdb", "--verbosity", "0")
    if ended.code:
        raise ScratchFault(f"the project's migrations do not run on an empty database: {ended.told}")


def _copy(terminal: Terminal, job: Job, scratch: Scratch, *, wants_users: bool) -> int | None:
    if wants_users:
        terminal.say("Users who are here …")
        return copying.copy(scratch, copying.models_of_users())
    if job.policy.group_names:
        copying.copy(scratch, copying.models_of_groups())
    return None


def _dsn(told: str | None) -> str | None:
    """On the stage ``default`` is the scratch database."""
    return REAL_DEFAULT if told == "default" else told


def _whole(job: Job) -> int | None:
    """How many records the source has; None where all of them were tried."""
    if job.selection.limit is None:
        return None
    if job.selection.emails is None:
        total = job.source.total()
        if total is not None:
            return total
    return sum(1 for _ in Selection(emails=job.selection.emails).of(job.source.read()))


def _count_here() -> int:
    try:
        return get_user_model()._default_manager.count()
    except Error:  # the real database has no tables yet
        return 0


def _name(scratch: Scratch) -> str:
    settings = scratch.connection.settings_dict
    return f"the scratch database {settings['NAME']}"


@contextmanager
def _workspace() -> Iterator[Path]:
    """A folder that its owner alone can read, and that is gone at the end."""
    _remove_what_the_dead_left()
    try:
        path = Path(tempfile.mkdtemp(prefix=WORKSPACE))
    except OSError as problem:
        raise CommandError(f"no temporary folder: {problem.strerror}") from None
    try:
        (path / "holder").write_text(leases.holder_name(os.getpid()))
        yield path
    finally:
        with undisturbed():
            shutil.rmtree(path, ignore_errors=True)


def _remove_what_the_dead_left() -> None:
    """The name of the holder goes last: whatever could not be removed is found the next time."""
    for holder in Path(tempfile.gettempdir()).glob(f"{WORKSPACE}*/holder"):
        with suppress(OSError):
            is_ours = holder.parent.lstat().st_uid == os.getuid()
            if is_ours and leases.is_dead(holder.read_text()):
                for file in set(holder.parent.iterdir()) - {holder}:
                    file.unlink()
                shutil.rmtree(holder.parent)
