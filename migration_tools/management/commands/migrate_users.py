"""``manage.py migrate_users``: bring users over from another system, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError, transaction

from better_auth.events import publish
from migration_tools import journal, statistics
from migration_tools.committing import Stopped
from migration_tools.console import arguments, bringing, standing, undoing, verifying
from migration_tools.console.ending import Scripted, terminable
from migration_tools.console.exits import Exit
from migration_tools.console.jobs import default_name, job_from
from migration_tools.console.told import Terminal, ensure_ready
from migration_tools.events import RollbackClosed
from migration_tools.journal import LeaseLost, RunRefused
from migration_tools.mapping import MappingFault
from migration_tools.policy import UnusablePolicy
from migration_tools.rollback import RollbackRefused
from migration_tools.sources import SourceFault

WHICH = """
exit codes: 0 done · 1 refused, nothing was begun · 2 done, but some records are invalid or in conflict ·
3 stopped half-way, --resume goes on · 4 --verify found differences · 5 --rollback kept users who have changed
"""


class Command(Scripted):
    help = (
        "Bring users over from another system, in batches: --dry-run tells what would happen, --resume goes "
        "on after an interruption and brings what came new, --rollback undoes a run. See docs/migration/."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = WHICH
        arguments.add(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        arguments.ensure_sensible(options)
        ensure_ready()
        try:
            with terminable():
                code = self._dispatch(options)
        except (MappingFault, UnusablePolicy, SourceFault, RunRefused, RollbackRefused) as refusal:
            raise CommandError(str(refusal), returncode=Exit.REFUSED) from None
        except (Stopped, LeaseLost) as stop:
            raise CommandError(str(stop), returncode=Exit.STOPPED) from stop
        except (OperationalError, InterfaceError) as fault:
            told = f"the database failed ({type(fault).__name__}); {_what_now(options)}"
            raise CommandError(told, returncode=Exit.STOPPED) from None
        except KeyboardInterrupt:
            raise CommandError(f"interrupted; {_what_now(options)}", returncode=Exit.STOPPED) from None
        if code != Exit.DONE:
            raise SystemExit(code)

    def _dispatch(self, options: dict[str, Any]) -> Exit:
        terminal = Terminal(self.stdout, self.style, options["yes"])
        if options["status"]:
            return standing.show(terminal, options["name"] or default_name(options["source"]))
        if options["rollback"]:
            name = options["name"] or default_name(options["source"])
            return undoing.roll_back(
                terminal, name, options["run"], options["force_changed"], options["report"]
            )
        if options["close_rollback"]:
            return self._close_rollback(terminal, options["name"] or default_name(options["source"]))
        job = job_from(options)
        try:
            if options["verify"]:
                return verifying.verify(terminal, job, options["sample"])
            if options["dry_run"]:
                return bringing.rehearse(terminal, job)
            return bringing.bring(terminal, job, resume=options["resume"])
        finally:
            job.source.close()

    def _close_rollback(self, terminal: Terminal, name: str | None) -> Exit:
        if not name:
            raise CommandError("--close-rollback wants --source or --name")
        waiting = journal.closable(name).count()
        if not waiting:
            self.stdout.write(f"The rollback of {name} was closed before.")
            return Exit.DONE
        terminal.ensure_sure(f"Forget what the runs of {name} would be undone with ({waiting} runs)?")
        with transaction.atomic():
            count = journal.close_rollback(name)
            publish(RollbackClosed(details={"source": name, "runs": count}))
        self.stdout.write(
            f"The runs of {name} can't be undone any more ({count} of them); what was kept for that is gone."
        )
        for one in statistics.kept(name):
            self.stdout.write(f"This is not: {one.told()}.")
        return Exit.DONE


def _what_now(options: Mapping[str, Any]) -> str:
    if options["rollback"]:
        return "--rollback goes on where it stopped"
    if options["dry_run"] or options["verify"] or options["status"]:
        return "nothing was written"
    return "--resume goes on where it stopped"
