"""What sources have in common whose users stand in JSON: in one large document or in several, or line by
line."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from os.path import basename
from typing import Any, ClassVar

import orjson

from migration_tools.records import LegacyUser, Read, Refused
from migration_tools.sources.files import identities, paths_of
from migration_tools.sources.json_documents import Element, elements
from migration_tools.sources.source import Share, Source, SourceFault

NOT_OURS = Read("", "")


class JsonRecords(Source):
    """A subclass says at which paths of a document its users stand, and makes a user of each object.

    ``--input`` is a file, a directory or a pattern. A position counts objects over all files: what is before
    it is passed over unread, which costs a tenth of reading it.
    """

    # As ``json_documents.elements`` wants them.
    wanted: ClassVar[frozenset[str]]
    has_lines: ClassVar[bool] = False
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
        return identities(self.paths())

    def paths(self) -> list[str]:
        return list(paths_of(self.ensure_file()))

    @abstractmethod
    def user_from(self, row: Mapping[str, Any], around: Mapping[str, str]) -> LegacyUser:
        """The user of one object. ``around``: what the objects around it tell of themselves.

        Raises ``Refused``.
        """

    def _elements(self) -> Iterator[tuple[str, Element]]:
        paths = self.paths()
        for path in paths:
            prefix = f"{basename(path)}, " if len(paths) > 1 else ""
            for element in elements(path, self.wanted, has_lines=self.has_lines):
                yield prefix, element

    def _read_element(self, element: Element, place: str, position: str) -> Read:
        row: Any = None
        try:
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
