"""``csv``: a table with a header, neutral (``password.hash`` names a part of a part) or mapped.

A real parser, because names hold commas, quotes and line breaks; and no row is trusted whose number of cells
is not the header's: padded on the right, it would move one column's value into another.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from better_auth.conf.loading import nearest
from migration_tools import neutral
from migration_tools.records import LegacyUser, Read, Refused
from migration_tools.sources.files import LONGEST_LINE, identity, lines, opened, split_position
from migration_tools.sources.source import Share, Source, SourceFault

DELIMITERS = (",", ";", "\t", "|")
OPTIONS = frozenset({"delimiter", "skip_lines", "pad", "escape", "header"})
COLUMN = re.compile(r"[^\W\d][\w .:/()-]{0,39}")
USUAL_WORDS = frozenset({"email", "hash", "id", "login", "mail", "name", "password", "user", "username"})
# A quote that nobody closes would swallow the rest of the file.
MOST_LINES_IN_A_ROW = 1000
csv.field_size_limit(LONGEST_LINE)


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    number: int
    end: int
    is_too_long: bool = False


class CsvRows(Source):
    default_name = "csv"

    def __init__(self, told: Any) -> None:
        super().__init__(told)
        self._options: Mapping[str, Any] = told.mapping.source.get("csv", {}) if told.mapping else {}
        for name in self._options:
            if name not in OPTIONS:
                raise SourceFault(f"csv: unknown key {name!r}{nearest(name, sorted(OPTIONS))}")

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        offset, number = split_position(after)
        with opened(self.ensure_file()) as file:
            supply = Supply(file)
            header, delimiter = self._header(supply)
            if after:
                supply.move(offset, number)
            while (row := self._next(supply, delimiter)) is not None:
                first, cells, last = row
                yield self._read_row(header, cells, f"line {first.number}", f"{last.end}:{last.number}")

    def identity(self) -> Mapping[str, Any]:
        return identity(self.ensure_file())

    def user_from(self, row: Mapping[str, Any]) -> LegacyUser:
        """The user of a row by column. Raises ``Refused``."""
        mapping = self.told.mapping
        if mapping is None:
            return neutral.user_from(_nested(row))
        return mapping.user_from(row if mapping.makes_users else _nested(row))

    def _read_row(self, header: Sequence[str], cells: list[str] | Refused, place: str, position: str) -> Read:
        try:
            if isinstance(cells, Refused):
                raise cells
            return Read(place, position, user=self.user_from(self._row(header, cells)))
        except Refused as refusal:
            found = "" if isinstance(cells, Refused) else self._id_in(header, cells)
            return Read(place, position, refusal=refusal, external_id=found)

    def _row(self, header: Sequence[str], cells: list[str]) -> dict[str, str | None]:
        if len(cells) < len(header) and self._options.get("pad"):
            cells = [*cells, *[""] * (len(header) - len(cells))]
        if len(cells) != len(header):
            reason = "row-too-short" if len(cells) < len(header) else "row-too-long"
            raise Refused(reason, f"{len(cells)} cells, the header has {len(header)}")
        for name, cell in zip(header, cells, strict=True):
            if not cell.isascii() and any("\udc80" <= letter <= "\udcff" for letter in cell):
                raise Refused("invalid-encoding", f"{name} is not UTF-8")
        return {name: cell or None for name, cell in zip(header, cells, strict=True)}

    def _id_in(self, header: Sequence[str], cells: list[str]) -> str:
        if "external_id" not in header or len(cells) != len(header):
            return ""
        return cells[list(header).index("external_id")][: neutral.LONGEST_ID]

    def _header(self, supply: Supply) -> tuple[list[str], str]:
        for _ in range(int(self._options.get("skip_lines", 0))):
            supply.take()
        if "header" in self._options:
            header = [str(name) for name in self._options["header"]]
            delimiter = self._options.get("delimiter", ",")
        else:
            line = supply.take()
            if line is None:
                raise SourceFault("the file is empty: a header with the names of the columns is wanted")
            delimiter = self._options.get("delimiter") or _likely_delimiter(line.text)
            supply.put_back([line])
            row = self._next(supply, delimiter)
            header = row[1] if row and not isinstance(row[1], Refused) else []
        header = [name.strip() for name in header]
        _ensure_usable(header)
        self._ensure_mapped(header)
        return header, delimiter

    def _ensure_mapped(self, header: list[str]) -> None:
        mapping = self.told.mapping
        if mapping is None or not mapping.makes_users:
            if "external_id" not in header:
                found = f"but {', '.join(header[:12])}" if _is_likely(header) else "perhaps no header at all"
                raise SourceFault(
                    f"the file has no column external_id, {found}: rename the columns "
                    "to those of the neutral record, or say with --mapping which is which"
                )
            return
        for column in sorted(mapping.columns):
            if column not in header:
                raise SourceFault(
                    f"the mapping names the column {column!r}, the file has none{nearest(column, header)}"
                )

    def _next(self, supply: Supply, delimiter: str) -> tuple[Line, list[str] | Refused, Line] | None:
        """The next row with its first and last line. Of a row that can't be, only the first line is given
        up."""
        while (first := supply.take()) is not None and first.text.isspace():
            pass
        if first is None:
            return None
        if first.is_too_long:
            return first, Refused("too-long", "the line is longer than 1 MiB"), first
        taken = [first]
        try:
            cells = self._parse(supply, taken, delimiter)
        except csv.Error as problem:
            supply.put_back(taken[1:])
            return first, Refused("invalid-csv", str(problem)), first
        return first, cells, taken[-1]

    def _parse(self, supply: Supply, taken: list[Line], delimiter: str) -> list[str]:
        def fed() -> Iterator[str]:
            yield taken[0].text
            while (line := supply.take()) is not None:
                taken.append(line)
                if len(taken) > MOST_LINES_IN_A_ROW or line.is_too_long:
                    raise csv.Error("a quote is opened and not closed")
                yield line.text

        escape = self._options.get("escape")
        reader = csv.reader(fed(), delimiter=delimiter, strict=True, escapechar=escape, doublequote=True)
        return next(reader)


class Supply:
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


def _likely_delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def _ensure_usable(header: list[str]) -> None:
    if not any(header):
        raise SourceFault("the first line is no header with the names of the columns")
    for number, name in enumerate(header, start=1):
        if name in header[number:]:
            shown = f" ({name!r})" if _is_likely(header) else ""
            raise SourceFault(f"the header has column {number} twice{shown}")


def _is_likely(header: list[str]) -> bool:
    """Whether it may be shown. A file without one has a user there, with a hash that is nobody's business: so
    at least one word must be what people call columns."""
    words = {word for name in header for word in re.split(r"[^a-z]+", name.lower())}
    return bool(words & USUAL_WORDS) and all(COLUMN.fullmatch(name) for name in header)


def _nested(row: Mapping[str, Any]) -> dict[str, Any]:
    """``password.hash`` is the hash of the password; lists and objects stand in their cells as JSON."""
    nested: dict[str, Any] = {}
    for name, cell in row.items():
        *path, last = name.split(".")
        place = nested
        for part in path:
            found = place.setdefault(part, {})
            if not isinstance(found, dict):
                raise Refused("invalid-record", f"{part} is a column and has columns of its own")
            place = found
        place[last] = _cell(cell, name)
    return {name: value for name, value in nested.items() if not _is_empty(value)}


def _cell(cell: str | None, name: str) -> Any:
    if (
        cell
        and cell[0] in "[{"
        and name.split(".")[0] in ("accounts", "metadata", "roles", "recovery_codes", "totp")
    ):
        try:
            return orjson.loads(cell)
        except ValueError:
            raise Refused("invalid-json", f"{name} holds no JSON") from None
    return cell


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(_is_empty(one) for one in value.values()))
