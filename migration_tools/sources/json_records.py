"""What sources have in common that read a vendor's export: one large JSON document or several, JSON line by
line, or a table; and a second file with more about the same users."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from os.path import basename
from typing import Any, ClassVar

import orjson

from migration_tools.records import LegacyUser, Read, Refused
from migration_tools.sources.csv_table import Dialect, Row, Table, named
from migration_tools.sources.files import identities, opened, paths_of
from migration_tools.sources.json_documents import Element, elements
from migration_tools.sources.source import Share, Source, SourceFault

NOT_OURS = Read("", "")


class JsonRecords(Source):
    """A subclass says at which paths of a document its users stand, and makes a user of each object.

    ``--input`` is a file, a directory or a pattern. A position counts records over all files: what is before
    it is passed over, which costs less than reading it.
    """

    # As ``json_documents.elements`` wants them.
    wanted: ClassVar[frozenset[str]]
    has_lines: ClassVar[bool] = False
    # Whether a file that does not begin as JSON is a table.
    has_tables: ClassVar[bool] = False
    # The name of the id in an object, for records that are refused.
    id_key: ClassVar[str] = "id"
    is_shareable = True

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        before = int(after or 0)
        number = 0
        for prefix, element in self._elements():
            number += 1
            if number <= before:
                continue
            if share is not None and not share.has(number - before - 1):
                yield NOT_OURS
                continue
            yield self._read_element(element, f"{prefix}{element.place}", str(number))
        if not number:
            raise SourceFault(f"{self.told.input}: there is no user in it")

    def identity(self) -> Mapping[str, Any]:
        beside = {name: dict(identities([path])) for name, path in self.told.also.items()}
        return {**identities(self.paths()), **({"beside": beside} if beside else {})}

    def paths(self) -> list[str]:
        return list(paths_of(self.ensure_file()))

    @abstractmethod
    def user_from(self, row: Mapping[str, Any], around: Mapping[str, str]) -> LegacyUser:
        """The user of one object. ``around``: what the objects around it tell of themselves.

        Raises ``Refused``.
        """

    def user_from_cells(self, cells: Mapping[str, str | None]) -> LegacyUser:
        """The user of one row of a table. Raises ``Refused``."""
        return self.user_from(cells, {})

    def table_elements(self, path: str) -> Iterator[Element]:
        """The rows of a table with a header."""
        return table_elements(path, Dialect())

    def faults_beside(self) -> Iterator[Element]:
        """What can't be read of the files beside the input; told at the end."""
        return iter(())

    def _elements(self) -> Iterator[tuple[str, Element]]:
        paths = self.paths()
        for path in paths:
            prefix = f"{basename(path)}, " if len(paths) > 1 else ""
            if self.has_tables and not begins_as_json(path):
                found = self.table_elements(path)
            else:
                found = elements(path, self.wanted, has_lines=self.has_lines)
            for element in found:
                yield prefix, element
        for element in self.faults_beside():
            yield "", element

    def _read_element(self, element: Element, place: str, position: str) -> Read:
        row: Any = None
        try:
            if element.refusal is None and element.cells is not None:
                row = element.cells
                return Read(place, position, user=self.user_from_cells(element.cells))
            row = parsed(element)
            return Read(place, position, user=self.user_from(row, element.around))
        except Refused as refusal:
            found = row.get(self.id_key) if isinstance(row, Mapping) else None
            external_id = str(found)[:255] if isinstance(found, str | int) else ""
            return Read(place, position, refusal=refusal, external_id=external_id)


def parsed(element: Element) -> Mapping[str, Any]:
    """The object that an element's text is. Raises ``Refused``."""
    if element.refusal:
        raise element.refusal
    if element.cells is not None:
        return element.cells
    try:
        row = orjson.loads(element.raw)
    except orjson.JSONDecodeError as problem:
        try:
            element.raw.decode()
        except UnicodeDecodeError:
            raise Refused("invalid-encoding", "the record is not UTF-8") from None
        raise Refused("invalid-json", f"{problem.msg} at character {problem.pos + 1}") from None
    if not isinstance(row, Mapping):
        raise Refused("invalid-record", "not an object")
    return row


def begins_as_json(path: str) -> bool:
    with opened(path) as file:
        return file.read(4096).lstrip()[:1] in (b"{", b"[")


def table_elements(path: str, dialect: Dialect, *, wanted: str | None = None) -> Iterator[Element]:
    """The rows of a file by the columns of its header, which must have the one that is ``wanted``."""
    with opened(path) as file:
        table = Table(file, dialect)
        first = table.next()
        header = [name.strip() for name in first.cells] if first else []
        if len(set(header)) < len(header) or not any(header) or (wanted and wanted not in header):
            raise SourceFault(f"{path}: the first line is not the header that this export has")
        for row in table.rows():
            yield _element(header, row)


def _element(header: list[str], row: Row) -> Element:
    try:
        if row.refusal:
            raise row.refusal
        return Element(row.place, cells=named(header, row.cells))
    except Refused as refusal:
        return Element(row.place, refusal=refusal)
