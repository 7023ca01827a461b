"""What ``migrate_users`` takes, and what other commands take as it does."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser

from migration_tools.policy import OnConflict
from migration_tools.sources import BUILT_IN

ON_CONFLICT = (
    "an address that somebody here has: skip the record, link it to that user, update the user with it (both "
    "only where the address is verified on both sides), or fail. Update also brings what changed there (skip)"
)
BELONGS_TO = {"run": "rollback", "force_changed": "rollback", "sample": "verify"}
NARROWING = ("only_emails", "where", "limit")


def add(parser: CommandParser) -> None:
    add_source(parser)
    add_rules(parser)
    add_report(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    _add_modes(parser)


def ensure_sensible(options: Mapping[str, Any]) -> None:
    """Raises ``CommandError`` for what would be passed over, and was meant to do something."""
    for name, mode in BELONGS_TO.items():
        if options[name] and not options[mode]:
            raise CommandError(f"{_flag(name)} goes with {_flag(mode)} only")
    for mode in ("rollback", "status", "close_rollback"):
        for name in NARROWING:
            if options[mode] and options[name]:
                raise CommandError(
                    f"{_flag(mode)} is about whole runs: {_flag(name)} does not narrow it down"
                )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def add_source(parser: ArgumentParser) -> None:
    """Where users come from, and which of them."""
    add = parser.add_argument
    add("--source", metavar="S", help=f"{', '.join(BUILT_IN)}, or the dotted path of a class of your own")
    add("--name", help="what the journal calls this source (default: its kind); one for each system")
    add("--input", metavar="FILE", help="the file to read")
    add(
        "--also",
        action="append",
        metavar="NAME=FILE",
        help="a further file of the same export, where the source has several (docs/migration/sources.md)",
    )
    add("--dsn", help="the database to read: postgresql://…, mysql://…, sqlite:///…, an alias of DATABASES")
    add("--mapping", metavar="FILE", help="TOML or JSON: which column is what, and how users are treated")
    add(
        "--watermark",
        metavar="COLUMN",
        help="when a row of a database was changed last: --resume reads only what changed since the last run",
    )
    add(
        "--overlap",
        type=positive,
        metavar="MINUTES",
        help="how far behind the watermark the next --resume reads again (10)",
    )
    narrowing = parser.add_mutually_exclusive_group()
    narrowing.add_argument("--only-emails", metavar="FILE", help="only users whose address is a line of FILE")
    narrowing.add_argument("--where", metavar="SQL", help="only rows of a database for which this holds")
    add("--limit", type=positive, metavar="N", help="only the first N records")


def add_rules(parser: ArgumentParser) -> None:
    """How they are treated."""
    add = parser.add_argument
    add("--batch-size", type=positive, default=500, metavar="N", help="records in one transaction (500)")
    add(
        "--jobs",
        type=positive,
        default=1,
        metavar="N",
        help="processes that work side by side, on PostgreSQL (1)",
    )
    add("--on-conflict", choices=[str(one) for one in OnConflict], default="skip", help=ON_CONFLICT)
    add("--trust-verified", action="store_true", help="believe the source which addresses are verified")
    add("--strict", action="store_true", help="stop at the first record that can't be brought")


def told_again(options: Mapping[str, Any]) -> list[str]:
    """The command line that says the same of source and rules, as far as they differ from nothing."""
    parser = ArgumentParser(add_help=False)
    add_source(parser)
    add_rules(parser)
    found: list[str] = []
    for action in parser._actions:
        option, value = action.option_strings[0], options[action.dest]
        if value is True:
            found.append(option)
        elif value not in (None, False):
            values = value if isinstance(value, list) else [value]
            found += [part for one in values for part in (option, str(one))]
    return found


def add_report(parser: CommandParser) -> None:
    told = "write a JSON report, and a CSV of what was not brought beside it"
    parser.add_argument("--report", metavar="FILE", help=told)


def _add_modes(parser: CommandParser) -> None:
    modes = parser.add_mutually_exclusive_group()
    add = modes.add_argument
    add("--dry-run", action="store_true", help="tell what would happen, write nothing")
    add("--resume", action="store_true", help="go on where the last run stopped; bring what is new")
    add("--rollback", action="store_true", help="undo the last run, or the one of --run")
    add("--status", action="store_true", help="how many records are in which state")
    add("--verify", action="store_true", help="compare the source with what was brought of it")
    add("--close-rollback", action="store_true", help="forget what rollbacks would need: old hashes")
    more = parser.add_argument
    more("--run", type=positive, metavar="ID", help="with --rollback: which run")
    more(
        "--force-changed", action="store_true", help="with --rollback: also who changed here, exported first"
    )
    more("--sample", type=positive, metavar="N", help="with --verify: N records instead of all")


def positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no number") from None
    if number < 1:
        raise ArgumentTypeError("must be at least 1")
    return number
