"""What a run has to say of itself: JSON for machines, CSV of every record that was not brought.

No hash, token or secret is in either, and addresses are masked. A dry run and a real run over the same input
say the same.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import CommandError

from migration_tools.models import MigrationRecord
from migration_tools.planning import NOT_BROUGHT, Line, Outcome
from migration_tools.tally import UNKNOWN_HASH

COLUMNS = ("number", "place", "id", "e-mail", "outcome", "reason", "detail", "warnings")
# What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Of each reason and warning, so that somebody can go and look.
PLACES_TOLD = 3


class Report:
    """``path`` is the JSON file; the CSV lies beside it. Both are readable by their owner alone."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.csv_path = csv_path(path)
        self._table: TextIO = opened_privately(self.csv_path, newline="")
        self._writer = csv.writer(self._table)
        self._writer.writerow(COLUMNS)
        self.reasons: dict[str, int] = {}
        self.skipped: dict[str, int] = {}
        self.warnings: dict[str, int] = {}
        self.places: dict[str, list[str]] = {}

    def add(self, line: Line) -> None:
        """What a run from its beginning on tells."""
        for warning in line.warnings:
            self.warnings[warning] = self.warnings.get(warning, 0) + 1
            self._note_place(warning, line.place)
        if Outcome(line.outcome) not in NOT_BROUGHT:
            return
        self.reasons[line.reason] = self.reasons.get(line.reason, 0) + 1
        if line.outcome == Outcome.SKIPPED:
            self.skipped[line.reason] = self.skipped.get(line.reason, 0) + 1
        self._note_place(line.reason, line.place)
        cells = (line.number, line.place, line.external_id, masked(line.email), line.outcome)
        more = (line.reason, line.detail, " ".join(line.warnings))
        self._writer.writerow([harmless(cell) for cell in (*cells, *more)])

    def _note_place(self, of: str, place: str) -> None:
        places = self.places.setdefault(of, [])
        if len(places) < PLACES_TOLD:
            places.append(place)

    def add_former(self, records: Iterable[MigrationRecord]) -> None:
        """Of a run that is resumed: what it did before."""
        for one in records:
            warnings = tuple(part for part in one.warnings.split(",") if part)
            identifier = one.legacy_id or ""
            self.add(
                Line(one.position, one.place, identifier, "", one.outcome, one.reason, one.detail, warnings)
            )

    def close(self, told: Mapping[str, Any], counts: Mapping[str, int]) -> None:
        """Write the JSON file; ``told`` says what was run."""
        self._table.close()
        outcomes = {str(outcome): counts.get(outcome, 0) for outcome in Outcome}
        content = {
            **told,
            "read": sum(outcomes.values()),
            "outcomes": outcomes,
            "unknown_hash": counts.get(UNKNOWN_HASH, 0),
            "reasons": dict(sorted(self.reasons.items())),
            "skipped_reasons": dict(sorted(self.skipped.items())),
            "warnings": dict(sorted(self.warnings.items())),
            "places": dict(sorted(self.places.items())),
            "not_migrated": self.csv_path,
        }
        with opened_privately(self.path) as file:
            json.dump(content, file, indent=2)
            file.write("\n")


def csv_path(path: str) -> str:
    """Where the table lies that belongs to a report."""
    return str(Path(path).with_suffix(".not-migrated.csv"))


def ensure_writable(path: str, *, sparing: Iterable[str | None] = ()) -> None:
    """Before anything is begun that is to be reported there. Raises ``CommandError``.

    ``sparing``: what the command reads, and must not overwrite.
    """
    for read in sparing:
        if read and os.path.exists(read) and os.path.exists(path) and os.path.samefile(path, read):
            raise CommandError(f"--report: {path} is what is to be read: name another file")
    was_there = os.path.exists(path)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError as problem:
        raise CommandError(f"--report: {path}: {problem.strerror}") from None
    if not was_there:
        os.unlink(path)


def masked(email: str) -> str:
    """``a***@example.org``: enough to recognise an address, too little to use it."""
    local, at, domain = email.rpartition("@")
    return f"{local[:1]}***@{domain}" if at else ""


def harmless(cell: Any) -> str:
    """What a spreadsheet shows and does not compute."""
    text = printable(str(cell))
    return f"'{text}" if text.startswith(FORMULA) else text


def printable(text: str) -> str:
    """Without what would move a terminal's cursor or hide what stands there."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "?" for one in text)


def opened_privately(path: str, **options: Any) -> TextIO:
    """A new file that its owner alone can read. Raises ``CommandError``."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as problem:
        raise CommandError(f"--report: {path}: {problem.strerror}") from None
    with suppress(OSError):
        os.fchmod(descriptor, 0o600)  # the file may have been there before
    file: TextIO = os.fdopen(descriptor, "w", encoding="utf-8", **options)
    return file
