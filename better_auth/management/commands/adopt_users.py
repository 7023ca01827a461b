"""``manage.py adopt_users``: let the users who are there already sign in, with the passwords they have."""

from __future__ import annotations

import csv
import os
import time
from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from better_auth import adoption
from better_auth.adoption import Finding, Policy, Reason
from better_auth.storage import host_users
from better_auth.storage.records import has_user_row

COLUMNS = ("host pk", "username", "e-mail", "reason")
WHAT_NEXT = {
    Reason.MISSING: "have no e-mail address: give them one in your own user table.",
    Reason.INVALID: "have an e-mail address that is none: correct it in your own user table.",
    Reason.DUPLICATE: (
        "share their e-mail address with another user. Nobody can say whose it is, so none of them got it: "
        "correct the addresses in your own user table, or give each to the oldest who has it with "
        "--on-duplicate oldest."
    ),
    Reason.TAKEN: "have an e-mail address that somebody else signed up with: find out whose it is.",
}
# Seconds between two lines of progress; a terminal has one line that is written over.
LINE_INTERVAL, TERMINAL_INTERVAL = 5.0, 0.2


class Command(BaseCommand):
    help = (
        "Make a profile for every user of the host who has none, in batches. Never changes the host's rows; "
        "may be interrupted, run again and run twice at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--batch-size", type=_positive, default=500, help="users in one transaction (500)"
        )
        parser.add_argument("--dry-run", action="store_true", help="tell what would be done, write nothing")
        parser.add_argument("--report", metavar="FILE", help="write a CSV of the users who got no address")
        parser.add_argument(
            "--on-duplicate",
            choices=("none", "oldest"),
            default="none",
            help="who gets an address that several users have (default: none of them)",
        )

    def handle(self, *args: Any, batch_size: int, dry_run: bool, on_duplicate: str, **options: Any) -> None:
        if has_user_row():
            self.stdout.write("Nothing to adopt: the user model carries the columns itself.")
            return
        self._read = self._made = self._addressed = self._credentials = 0
        self._reasons: Counter[Reason] = Counter()
        self._started, self._shown_at = time.monotonic(), float("-inf")
        with ExitStack() as stack:
            report = stack.enter_context(_Report(options["report"])) if options["report"] else None
            policy = Policy(host_users.shared_addresses(), oldest_keeps=on_duplicate == "oldest")
            total = adoption.waiting().count()
            for keys in _batches(batch_size):
                outcome = adoption.adopt(keys, policy=policy, dry_run=dry_run)
                self._read += len(keys)
                self._made += outcome.made
                self._addressed += outcome.addressed
                self._credentials += outcome.credentials
                self._reasons.update(finding.reason for finding in outcome.findings)
                if report:
                    report.add(outcome.findings)
                self._show_progress(total)
        self._summarise(dry_run=dry_run, report=options["report"])

    def _rate(self) -> str:
        return f"{self._read / max(time.monotonic() - self._started, 0.001):,.0f} a second"

    def _show_progress(self, total: int) -> None:
        is_terminal = self.stdout.isatty()
        now = time.monotonic()
        if now - self._shown_at < (TERMINAL_INTERVAL if is_terminal else LINE_INTERVAL):
            return
        self._shown_at = now
        line = f"{self._read:,} of {total:,} users, {self._rate()}"
        self.stdout.write(f"\r\x1b[K{line}" if is_terminal else line, ending="" if is_terminal else "\n")
        self.stdout.flush()

    def _summarise(self, *, dry_run: bool, report: str | None) -> None:
        if self.stdout.isatty():
            self.stdout.write("\r\x1b[K", ending="")
        made = "would be made" if dry_run else "made"
        self.stdout.write(
            f"{self._read:,} users read, {self._rate()}: {self._made:,} profiles {made}, "
            f"{self._credentials:,} of them with a password; {self._addressed:,} addresses taken over."
        )
        for reason, count in sorted(self._reasons.items()):
            self.stdout.write(f"{count:,} ({reason}) {WHAT_NEXT[reason]}")
        if not self._reasons:
            return
        self.stdout.write("They can't sign in here by e-mail until then; run adopt_users again afterwards.")
        self.stdout.write(f"Each of them is in {report}." if report else "--report FILE lists each of them.")


class _Report:
    """The CSV file, readable by its owner alone: it holds addresses."""

    def __init__(self, path: str) -> None:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as problem:
            raise CommandError(f"--report: {problem}") from None
        self._file = os.fdopen(descriptor, "w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)

    def __enter__(self) -> _Report:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, findings: list[Finding]) -> None:
        for one in findings:
            others = f": also {', '.join(map(str, one.others))}" if one.others else ""
            self._writer.writerow((one.key, one.username, one.email, f"{one.reason}{others}"))
        self._file.flush()


def _batches(size: int) -> Iterator[list[Any]]:
    """Primary keys in their order; each batch begins where the last one ended, whatever became of it."""
    rows = adoption.waiting().order_by("pk").values_list("pk", flat=True)
    keys = list(rows[:size])
    while keys:
        yield keys
        keys = list(rows.filter(pk__gt=keys[-1])[:size])


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError("must be at least 1")
    return number
