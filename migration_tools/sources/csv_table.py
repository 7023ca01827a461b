"""Tables in text, row by row: what every file of comma-separated values has in common, whoever wrote it.

A real parser, because names hold commas, quotes and line breaks; and one row that can't be read takes no
other with it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from migration_tools.records import Refused
from migration_tools.sources.files import LONGEST_LINE, lines, split_position

DELIMITERS = (",", ";", "\t", "|")
# A quote that nobody closes would swallow the rest of the file.
MOST_LINES_IN_A_ROW = 1000
csv.field_size_limit(LONGEST_LINE)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are told apart. Without ``has_quotes`` a quotation mark is a character like any other."""

    delimiter: str = ","
    escape: str | None = None
    has_quotes: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    number: int
    end: int
    is_too_long: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """``number`` is that of its first line; reading goes on behind ``position``. ``refusal``: why it has no
    cells."""

    number: int
    position: str
    cells: list[str] = field(default_factory=list)
    refusal: Refused | None = None

    @property
    def place(self) -> str:
        return f"line {self.number}"


class Table:
    """The rows of a file that stands behind its byte order mark."""

    def __init__(self, file: BinaryIO, dialect: Dialect) -> None:
        self.dialect = dialect
        self._supply = _Supply(file)

    def skip_lines(self, count: int) -> None:
        for _ in range(count):
            self._supply.take()

    def first_line(self) -> str | None:
        """The next line, left where it is; None at the end."""
        line = self._supply.take()
        if line is not None:
            self._supply.put_back([line])
        return line.text if line else None

    def move(self, position: str) -> None:
        """To behind a row that was read before."""
        self._supply.move(*split_position(position))

    def rows(self) -> Iterator[Row]:
        while (row := self.next()) is not None:
            yield row

    def next(self) -> Row | None:
        """Of a row that can't be, only the first line is given up. Lines of blanks are none."""
        while (first := self._supply.take()) is not None and first.text.isspace():
            pass
        if first is None:
            return None
        if first.is_too_long:
            return _refused(first, "too-long", "the line is longer than 1 MiB")
        taken = [first]
        try:
            cells = self._parse(taken)
        except csv.Error as problem:
            self._supply.put_back(taken[1:])
            return _refused(first, "invalid-csv", str(problem))
        last = taken[-1]
        return Row(first.number, f"{last.end}:{last.number}", cells)

    def _parse(self, taken: list[Line]) -> list[str]:
        def fed() -> Iterator[str]:
            yield taken[0].text
            while (line := self._supply.take()) is not None:
                taken.append(line)
                if len(taken) > MOST_LINES_IN_A_ROW or line.is_too_long:
                    raise csv.Error("a quote is opened and not closed")
                yield line.text

        reader = csv.reader(
            fed(),
            delimiter=self.dialect.delimiter,
            strict=True,
            escapechar=self.dialect.escape,
            doublequote=True,
            quoting=csv.QUOTE_MINIMAL if self.dialect.has_quotes else csv.QUOTE_NONE,
        )
        return next(reader)


def named(header: Sequence[str], cells: Sequence[str], *, pads: bool = False) -> dict[str, str | None]:
    """The cells by column, empty ones as None. Raises ``Refused`` where their number is not the header's:
    filled up on the right, which ``pads`` asks for, a row may move one column's value into another."""
    if len(cells) < len(header) and pads:
        cells = [*cells, *[""] * (len(header) - len(cells))]
    if len(cells) != len(header):
        reason = "row-too-short" if len(cells) < len(header) else "row-too-long"
        raise Refused(reason, f"{len(cells)} cells, the header has {len(header)}")
    for name, cell in zip(header, cells, strict=True):
        ensure_text(name, cell)
    return {name: cell or None for name, cell in zip(header, cells, strict=True)}


def ensure_text(name: str, cell: str) -> None:
    """Raises ``Refused`` for what was not UTF-8."""
    if not cell.isascii() and any("\udc80" <= letter <= "\udcff" for letter in cell):
        raise Refused("invalid-encoding", f"{name} is not UTF-8")


def likely_delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def _refused(line: Line, reason: str, detail: str) -> Row:
    return Row(line.number, f"{line.end}:{line.number}", refusal=Refused(reason, detail))


class _Supply:
    """Lines with their numbers and ends; what was taken too many can be put back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._number, self._end = file, 0, file.tell()
        self._lines = lines(file)
        self._back: list[Line] = []

    def move(self, offset: int, number: int) -> None:
        self._file.seek(offset)
        self._number, self._end, self._back = number, offset, []

    def take(self) -> Line | None:
        if self._back:
            return self._back.pop()
        raw = next(self._lines, b"")
        if raw == b"":
            return None
        self._number += 1
        if raw is None:
            self._end = self._file.tell()
            return Line("", self._number, self._end, is_too_long=True)
        self._end += len(raw)
        return Line(raw.decode("utf-8", "surrogateescape"), self._number, self._end)

    def put_back(self, taken: list[Line]) -> None:
        self._back.extend(reversed(taken))
