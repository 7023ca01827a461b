"""What ``migrate_users`` takes."""

from __future__ import annotations

from argparse import ArgumentTypeError

from django.core.management.base import CommandParser

from migration_tools.policy import OnConflict
from migration_tools.sources import BUILT_IN

ON_CONFLICT = (
    "an address that somebody here has: skip the record, link it to that user, update the user with it (both "
    "only where the address is verified on both sides), or fail. Update also brings what changed there (skip)"
)


def add(parser: CommandParser) -> None:
    _add_source(parser)
    _add_rules(parser)
    _add_modes(parser)


def _add_source(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--source", metavar="S", help=f"{', '.join(BUILT_IN)}, or the dotted path of a class of your own")
    add("--name", help="what the journal calls this source (default: its kind); one for each system")
    add("--input", metavar="FILE", help="the file to read")
    add("--dsn", help="the database to read: postgresql://…, mysql://…, sqlite:///…, an alias of DATABASES")
    add("--mapping", metavar="FILE", help="TOML or JSON: which column is what, and how users are treated")
    narrowing = parser.add_mutually_exclusive_group()
    narrowing.add_argument("--only-emails", metavar="FILE", help="only users whose address is a line of FILE")
    narrowing.add_argument("--where", metavar="SQL", help="only rows of a database for which this holds")
    add("--limit", type=_positive, metavar="N", help="only the first N records")


def _add_rules(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--batch-size", type=_positive, default=500, metavar="N", help="records in one transaction (500)")
    add(
        "--jobs",
        type=_positive,
        default=1,
        metavar="N",
        help="processes that work side by side, on PostgreSQL (1)",
    )
    add("--on-conflict", choices=[str(one) for one in OnConflict], default="skip", help=ON_CONFLICT)
    add("--trust-verified", action="store_true", help="believe the source which addresses are verified")
    add("--strict", action="store_true", help="stop at the first record that can't be brought")
    add("--report", metavar="FILE", help="write a JSON report, and a CSV of what was not brought beside it")
    add("--yes", action="store_true", help="do not ask")


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
    more("--run", type=_positive, metavar="ID", help="with --rollback: which run")
    more(
        "--force-changed", action="store_true", help="with --rollback: also who changed here, exported first"
    )
    more("--sample", type=_positive, metavar="N", help="with --verify: N records instead of all")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError("must be at least 1")
    return number
