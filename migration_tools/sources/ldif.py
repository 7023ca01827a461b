"""LDIF, entry by entry, in bounded memory: folded lines, comments, values in base64.

Source: RFC 2849; names of attributes without regard to case, RFC 4512; distinguished names, RFC 4514.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from migration_tools.records import Refused
from migration_tools.sources.files import LONGEST_LINE, lines, split_position
from migration_tools.sources.source import SourceFault

LARGEST_ENTRY = LONGEST_LINE
NAME = re.compile(
    rb"(?P<name>[A-Za-z0-9][A-Za-z0-9.-]*)(?:;[A-Za-z0-9;-]*)?:(?P<kind>[:<]?) *(?P<value>.*)", re.DOTALL
)
# What ldapsearch writes around the entries.
AROUND = frozenset({"version", "search", "result", "control", "matcheddn", "text", "ref"})
ESCAPED = re.compile(rb"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)
SPECIAL = re.compile(r'\\.|"(?:\\.|[^"\\])*"|[,;+]', re.DOTALL)


@dataclass(slots=True)
class Entry:
    """``values`` by the attribute's name in lower case, without options; ``elsewhere``: names of those whose
    values stand in other files, which are never opened. ``refusal``: why there is nothing."""

    line: int
    position: str = ""
    dn: str = ""
    values: dict[str, list[bytes]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    refusal: Refused | None = None


def entries(file: BinaryIO, after: str = "") -> Iterator[Entry]:
    """Those behind a position. Raises ``SourceFault`` for a file that is no LDIF."""
    offset, number = split_position(after)
    if after:
        file.seek(offset)
    else:
        offset = file.tell()
    block, first, count = _Block(), number + 1, 0
    for line in lines(file):
        number += 1
        offset = file.tell() if line is None else offset + len(line)
        if line is not None and not line.strip(b"\r\n"):
            if block.has_content:
                yield from _entry(block, first, f"{offset}:{number}", is_first=not count)
                count += 1
            block, first = _Block(), number + 1
            continue
        block.add(line)
    if block.has_content:
        yield from _entry(block, first, f"{offset}:{number}", is_first=not count)


def first_names(dn: str) -> Mapping[str, str]:
    """The attributes of the first part of a distinguished name, which may be several, unescaped."""
    found: dict[str, str] = {}
    start = 0
    ends = [one.start() for one in SPECIAL.finditer(dn) if one.group() in ",;+"]
    for end in (*ends, len(dn)):
        name, has_value, value = dn[start:end].partition("=")
        if has_value:
            found.setdefault(name.strip().lower(), _unescaped(value))
        if dn[end : end + 1] != "+":
            break
        start = end + 1
    return found


def _unescaped(value: str) -> str:
    value = value.strip() if not value.endswith("\\ ") else value.lstrip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]

    def character(found: re.Match[bytes]) -> bytes:
        escaped = found[1]
        return bytes.fromhex(escaped.decode()) if len(escaped) == 2 else escaped

    return ESCAPED.sub(character, value.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")


class _Block:
    """The lines between two empty ones, unfolded."""

    def __init__(self) -> None:
        self.lines: list[bytearray] = []
        self.is_too_long = self.is_cut_short = False
        self._size = 0

    @property
    def has_content(self) -> bool:
        return self.is_too_long or any(not line.startswith(b"#") for line in self.lines)

    def add(self, line: bytes | None) -> None:
        self._size += LARGEST_ENTRY + 1 if line is None else len(line)
        if line is None or self._size > LARGEST_ENTRY:
            self.is_too_long, self.lines = True, []
            return
        self.is_cut_short = not line.endswith(b"\n")
        text = line.rstrip(b"\r\n")
        if text.startswith(b" ") and self.lines:
            self.lines[-1] += text[1:]
        else:
            self.lines.append(bytearray(text))


def _entry(block: _Block, line: int, position: str, *, is_first: bool) -> Iterator[Entry]:
    entry = Entry(line, position)
    try:
        if block.is_too_long:
            raise Refused("too-long", "the entry is longer than 1 MiB")
        if block.is_cut_short:
            raise Refused("cut-short", "the file ends in the middle of a line: export it again")
        for one in block.lines:
            if not one.startswith(b"#"):
                _read_line(entry, bytes(one))
        if not entry.dn and AROUND.issuperset(entry.values):
            return
        if not entry.dn:
            raise Refused("invalid-record", "an entry without dn")
        if entry.values.get("changetype", [b"add"]) != [b"add"]:
            raise Refused("invalid-record", "a change, and no entry: export with ldapsearch or slapcat")
    except Refused as refusal:
        if is_first and refusal.reason == "invalid-ldif":
            raise SourceFault("the file is no LDIF: its first entry can't be read") from None
        entry.refusal = refusal
    yield entry


def _read_line(entry: Entry, line: bytes) -> None:
    found = NAME.fullmatch(line)
    if found is None:
        raise Refused("invalid-ldif", "a line is no attribute with its value")
    name, value = found["name"].decode().lower(), found["value"]
    if found["kind"] == b"<":
        entry.elsewhere.add(name)
        return
    if found["kind"] == b":":
        try:
            value = base64.b64decode(value.strip(), validate=True)
        except ValueError:
            raise Refused("invalid-ldif", f"{name[:40]} is no base64") from None
    if name == "dn" and not entry.dn:
        entry.dn = value.decode("utf-8", "surrogateescape")
        return
    entry.values.setdefault(name, []).append(value)
