"""``manage.py reencrypt_secrets``: everything that rests encrypted, under the key in force."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from better_auth import signing_keys
from better_auth.reencryption import Tally, reencrypt, sealed_columns

BATCH_SIZE, LARGEST_BATCH = 500, 10_000
BATCHES_PER_LINE = 10
KEYS_SHOWN = 5


class Command(BaseCommand):
    help = (
        "Encrypt everything that rests encrypted under the key in force (the first of SECRETS, or SECRET). "
        "Whatever is that already is passed over, so a run that was stopped is simply begun again. Safe "
        "beside servers that work, and twice at once. An old key may be given up when a run has found "
        "nothing left to do."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        text = f"rows read at once, 1 to {LARGEST_BATCH} (default: {BATCH_SIZE})"
        parser.add_argument("--batch-size", type=_batch_size, default=BATCH_SIZE, help=text)
        parser.add_argument("--dry-run", action="store_true", help="only count what would be encrypted anew")

    def handle(self, *args: Any, batch_size: int, dry_run: bool, **options: Any) -> None:
        unreadable = 0
        for model, column in sealed_columns():
            try:
                tally = self._go_through(reencrypt(model, column, batch_size=batch_size, dry_run=dry_run))
            except DatabaseError as fault:
                raise CommandError(f"{model._meta.db_table}: the database failed: {fault}") from fault
            self._tell(tally, dry_run=dry_run)
            unreadable += len(tally.unreadable)
        signing_keys.forget()
        if unreadable:
            text = f"{unreadable} rows can't be opened with any key: add the one they were sealed under."
            raise CommandError(text)

    def _go_through(self, tallies: Any) -> Tally:
        tally: Tally
        for number, tally in enumerate(tallies, start=1):
            if number % BATCHES_PER_LINE == 0:
                self.stdout.write(f"{tally.table}.{tally.column}: {tally.total} so far")
                self.stdout.flush()
        return tally

    def _tell(self, tally: Tally, *, dry_run: bool) -> None:
        done = "to encrypt anew" if dry_run else "encrypted anew"
        parts = [f"{tally.resealed} {done}", f"{tally.current} under the key in force"]
        if tally.changed_meanwhile:
            parts.append(f"{tally.changed_meanwhile} written meanwhile")
        if tally.unreadable:
            shown = ", ".join(map(str, tally.unreadable[:KEYS_SHOWN]))
            parts.append(f"{len(tally.unreadable)} UNREADABLE ({shown}{', …' * (len(tally.unreadable) > 5)})")
        self.stdout.write(f"{tally.table}.{tally.column}: {', '.join(parts)}")


def _batch_size(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LARGEST_BATCH:
        raise ArgumentTypeError(f"expected a number from 1 to {LARGEST_BATCH}, got {text!r}")
    return int(text)
