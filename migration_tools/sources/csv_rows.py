"""``csv``: a table with a header, neutral (``password.hash`` names a part of a part) or mapped.

No row is trusted whose number of cells is not the header's: padded on the right, it would move one column's
value into another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from better_auth.conf.loading import nearest
from migration_tools import neutral
from migration_tools.records import LegacyUser, Read, Refused
from migration_tools.sources.csv_table import Dialect, Row, Table, likely_delimiter, named
from migration_tools.sources.files import identity, opened
from migration_tools.sources.source import Share, Source, SourceFault

OPTIONS = frozenset({"delimiter", "skip_lines", "pad", "escape", "header"})
COLUMN = re.compile(r"[^\W\d][\w .:/()-]{0,39}")
USUAL_WORDS = frozenset({"email", "hash", "id", "login", "mail", "name", "password", "user", "username"})


class CsvRows(Source):
    default_name = "csv"

    def __init__(self, told: Any) -> None:
        super().__init__(told)
        self._options: Mapping[str, Any] = told.mapping.source.get("csv", {}) if told.mapping else {}
        for name in self._options:
            if name not in OPTIONS:
                raise SourceFault(f"csv: unknown key {name!r}{nearest(name, sorted(OPTIONS))}")

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        with opened(self.ensure_file()) as file:
            table = Table(file, Dialect(escape=self._options.get("escape")))
            header = self._header(table)
            if after:
                table.move(after)
            for row in table.rows():
                yield self._read_row(header, row)

    def identity(self) -> Mapping[str, Any]:
        return identity(self.ensure_file())

    def user_from(self, row: Mapping[str, Any]) -> LegacyUser:
        """The user of a row by column. Raises ``Refused``."""
        mapping = self.told.mapping
        if mapping is None:
            return neutral.user_from(_nested(row))
        return mapping.user_from(row if mapping.makes_users else _nested(row))

    def _read_row(self, header: Sequence[str], row: Row) -> Read:
        try:
            if row.refusal:
                raise row.refusal
            values = named(header, row.cells, pads=bool(self._options.get("pad")))
            return Read(row.place, row.position, user=self.user_from(values))
        except Refused as refusal:
            return Read(row.place, row.position, refusal=refusal, external_id=_id_in(header, row.cells))

    def _header(self, table: Table) -> list[str]:
        """Of the file or of the mapping; the table's delimiter is known then."""
        table.skip_lines(int(self._options.get("skip_lines", 0)))
        told, delimiter = self._options.get("header"), self._options.get("delimiter")
        if told is not None:
            header = [str(name) for name in told]
        else:
            line = table.first_line()
            if line is None:
                raise SourceFault("the file is empty: a header with the names of the columns is wanted")
            delimiter = delimiter or likely_delimiter(line)
        table.dialect = Dialect(delimiter or ",", table.dialect.escape)
        if told is None:
            row = table.next()
            header = row.cells if row else []
        header = [name.strip() for name in header]
        _ensure_usable(header)
        self._ensure_mapped(header)
        return header

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


def _id_in(header: Sequence[str], cells: Sequence[str]) -> str:
    if "external_id" not in header or len(cells) != len(header):
        return ""
    return cells[list(header).index("external_id")][: neutral.LONGEST_ID]


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
