"""``manage.py rehearse_migration``: try a migration out, kills and way back included: GO or NOT YET."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error

from migration_tools.console import arguments, rehearsing
from migration_tools.console.ending import Scripted, terminable
from migration_tools.console.exits import Exit
from migration_tools.mapping import MappingFault
from migration_tools.policy import UnusablePolicy
from migration_tools.rehearsal.scratch import ScratchFault
from migration_tools.rehearsal.verdict import limit
from migration_tools.sources import SourceFault

WHICH = "exit codes: 0 GO · 1 refused, nothing was tried · 2 NOT YET · 3 interrupted"


class Command(Scripted):
    help = (
        "Try a migration out on a scratch database that is removed at the end: dry run, run, random kills, "
        "verification, rollback and comparison, and one page to decide by. The real database is only read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = WHICH
        arguments.add_source(parser)
        arguments.add_rules(parser)
        add = parser.add_argument
        add("--report", metavar="FILE", help="write what was found as JSON, for scripts")
        add("--scratch", metavar="DSN", help="an empty database to use, instead of a new one that is made")
        add(
            "--copy-users",
            action="store_true",
            help="begin with the users who are here, so that conflicts with them are found",
        )
        add(
            "--kills",
            type=_not_negative,
            default=5,
            metavar="N",
            help="how often to kill the run (5; 0: never)",
        )
        add(
            "--seed", type=_not_negative, metavar="N", help="draw the kills as the rehearsal of this seed did"
        )
        add(
            "--accept",
            action="append",
            type=_limit,
            default=[],
            metavar="REASON[=N]",
            help="records that stay behind for this reason, N at most, are no obstacle; repeatable",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with terminable():
                code = rehearsing.rehearse(self.stdout, self.style, options)
        except (MappingFault, UnusablePolicy, SourceFault, ScratchFault) as refusal:
            raise CommandError(str(refusal), returncode=Exit.REFUSED) from None
        except (Error, KeyboardInterrupt) as end:
            what = "interrupted" if isinstance(end, KeyboardInterrupt) else f"a database failed ({end})"
            told = f"{what}; the scratch database is gone, and the real one is as it was"
            raise CommandError(told, returncode=Exit.STOPPED) from None
        if code != Exit.DONE:
            raise SystemExit(code)


def _not_negative(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no number") from None
    if number < 0:
        raise ArgumentTypeError("must not be negative")
    return number


def _limit(text: str) -> tuple[str, float]:
    try:
        return limit(text)
    except ValueError:
        raise ArgumentTypeError(f"expected REASON or REASON=N, got {text!r}") from None
