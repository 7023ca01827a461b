"""``manage.py migrate_users``: bring users over from another system, and back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from better_auth.events import publish
from migration_tools import journal, mapping
from migration_tools.console import arguments, bringing, undoing, verifying
from migration_tools.console.exits import Exit
from migration_tools.console.told import Job, Terminal
from migration_tools.events import RollbackClosed
from migration_tools.journal import LeaseLost, RunRefused
from migration_tools.mapping import MappingFault
from migration_tools.policy import OnConflict, UnusablePolicy, policy_from
from migration_tools.rollback import RollbackRefused
from migration_tools.runner import Selection, Stopped
from migration_tools.sources import BUILT_IN, SourceFault, find_source
from migration_tools.sources.source import Told
from migration_tools.statistics import status

WHICH = """
exit codes: 0 done · 1 refused, nothing was begun · 2 done, but some records were not brought ·
3 stopped half-way, --resume goes on · 4 --verify found differences · 5 --rollback kept users who have changed
"""


class Command(BaseCommand):
    help = (
        "Bring users over from another system, in batches: --dry-run tells what would happen, --resume goes "
        "on after an interruption and brings what came new, --rollback undoes a run. See docs/migration/."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = WHICH
        arguments.add(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with _terminable():
                code = self._dispatch(options)
        except (MappingFault, UnusablePolicy, SourceFault, RunRefused, RollbackRefused) as refusal:
            raise CommandError(str(refusal), returncode=Exit.REFUSED) from None
        except (Stopped, LeaseLost) as stop:
            raise CommandError(str(stop), returncode=Exit.STOPPED) from None
        except KeyboardInterrupt:
            raise CommandError("interrupted; --resume goes on", returncode=Exit.STOPPED) from None
        if code != Exit.DONE:
            raise SystemExit(code)

    def _dispatch(self, options: dict[str, Any]) -> Exit:
        terminal = Terminal(self.stdout, self.style, options["yes"])
        if options["status"]:
            return self._show_status(options["name"] or _default_name(options["source"]))
        if options["rollback"]:
            name = options["name"] or _default_name(options["source"])
            return undoing.roll_back(
                terminal, name, options["run"], options["force_changed"], options["report"]
            )
        if options["close_rollback"]:
            return self._close_rollback(options["name"] or _default_name(options["source"]))
        job = self._job(options)
        try:
            if options["verify"]:
                return verifying.verify(terminal, job, options["sample"])
            if options["dry_run"]:
                return bringing.rehearse(terminal, job)
            return bringing.bring(terminal, job, resume=options["resume"])
        finally:
            job.source.close()

    def _job(self, options: dict[str, Any]) -> Job:
        if not options["source"]:
            raise CommandError(f"--source is wanted: {', '.join(BUILT_IN)}, or a dotted path")
        kind = find_source(options["source"])
        file = mapping.load(options["mapping"]) if options["mapping"] else None
        source = kind(Told(options["input"], options["dsn"], file, options["where"]))
        name = options["name"] or kind.default_name or options["source"].rpartition(".")[2]
        if len(name) > 64:
            raise CommandError("--name: at most 64 characters")
        return Job(
            source=source,
            name=name,
            kind=options["source"],
            policy=policy_from(
                source.policy(),
                on_conflict=OnConflict(options["on_conflict"]),
                trusts=kind.is_trusted or options["trust_verified"],
            ),
            selection=Selection(options["limit"], _emails(options["only_emails"])),
            batch_size=options["batch_size"],
            jobs=options["jobs"],
            is_strict=options["strict"],
            report=options["report"],
            options={
                name: options[name]
                for name in (
                    "input",
                    "mapping",
                    "where",
                    "only_emails",
                    "limit",
                    "on_conflict",
                    "trust_verified",
                )
                if options[name]
            },
        )

    def _show_status(self, name: str | None) -> Exit:
        found = status(name)
        if not found:
            self.stdout.write("Nothing has been brought over yet.")
            return Exit.DONE
        states = ("pending", "migrated", "failed", "skipped", "rolled_back")
        width = max(6, *(len(one.source) for one in found))
        self.stdout.write(
            f"{'source':<{width}}" + "".join(f"{state:>20}" for state in states) + f"{'all':>12}"
        )
        for one in found:
            cells = [f"{one.states.get(state, 0):,} ({one.share(state):.1%})" for state in states]
            self.stdout.write(
                f"{one.source:<{width}}" + "".join(f"{cell:>20}" for cell in cells) + f"{one.total:>12,}"
            )
            run = journal.find_open(one.source)
            if run is not None:
                self.stdout.write(self.style.WARNING(f"  {journal.describe(run)}"))
        return Exit.DONE

    def _close_rollback(self, name: str | None) -> Exit:
        if not name:
            raise CommandError("--close-rollback wants --source or --name")
        count = journal.close_rollback(name)
        if count:
            publish(RollbackClosed(details={"source": name, "runs": count}))
        self.stdout.write(
            f"{count} runs of {name} can't be undone any more; the old hashes kept for that are gone."
        )
        return Exit.DONE


def _default_name(source: str | None) -> str | None:
    if source is None:
        return None
    return find_source(source).default_name or source.rpartition(".")[2]


def _emails(path: str | None) -> frozenset[str] | None:
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8-sig") as file:
            found = frozenset(line.strip().lower() for line in file if line.strip())
    except (OSError, UnicodeDecodeError) as problem:
        raise CommandError(f"--only-emails: {problem}") from None
    if not found:
        raise CommandError(f"--only-emails: {path} holds no address")
    return found


@contextmanager
def _terminable() -> Iterator[None]:
    """Whoever stops the process politely gets a run that can be resumed at once."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    try:
        former = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread: whoever called us has handlers of their own
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
