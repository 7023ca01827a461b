"""``jsonl``: one JSON object on each line, neutral or mapped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from migration_tools import neutral
from migration_tools.records import LegacyUser, Read, Refused
from migration_tools.sources.files import identity, lines, opened, split_position
from migration_tools.sources.source import Share, Source, SourceFault

NOT_OURS = Read("", "")


class JsonLines(Source):
    default_name = "jsonl"
    is_shareable = True

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        offset, number = split_position(after)
        with opened(self.ensure_file()) as file:
            if offset:
                file.seek(offset)
            else:
                offset = file.tell()
            turn = -1
            for line in lines(file):
                number += 1
                offset = file.tell() if line is None else offset + len(line)
                if line is not None and line.isspace():
                    continue
                turn += 1
                if share is not None and not share.has(turn):
                    yield NOT_OURS
                    continue
                yield self._read_line(line, f"line {number}", f"{offset}:{number}")

    def identity(self) -> Mapping[str, Any]:
        return identity(self.ensure_file())

    def _read_line(self, line: bytes | None, place: str, position: str) -> Read:
        row: Any = None
        try:
            row = _parsed(line)
            return Read(place, position, user=self.user_from(row))
        except Refused as refusal:
            if row is None and position.endswith(":1"):
                _ensure_not_a_document(line)
            return Read(place, position, refusal=refusal, external_id=_id_in(row))

    def user_from(self, row: Any) -> LegacyUser:
        """The user of a parsed line. Raises ``Refused``."""
        mapping = self.told.mapping
        return mapping.user_from(row) if mapping else neutral.user_from(row)


def _parsed(line: bytes | None) -> Any:
    if line is None:
        raise Refused("too-long", "the line is longer than 1 MiB")
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as problem:
        try:
            line.decode()
        except UnicodeDecodeError:
            raise Refused("invalid-encoding", "the line is not UTF-8") from None
        # The message tells the kind of fault, and quotes nothing.
        raise Refused("invalid-json", f"{problem.msg} at character {problem.pos + 1}") from None


def _ensure_not_a_document(line: bytes | None) -> None:
    """A whole array, or an object over many lines, would be one refusal for each line."""
    if line is not None and line.strip() in (b"[", b"{", b"[{"):
        raise SourceFault(
            "the file is one JSON document: this source wants one object on each line (jq -c '.[]')"
        )


def _id_in(row: Any) -> str:
    found = row.get("external_id") if isinstance(row, Mapping) else None
    return str(found)[: neutral.LONGEST_ID] if isinstance(found, str | int) else ""
