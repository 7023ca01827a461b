"""Large JSON documents, element by element, in bounded memory: whatever a file holds, no element is kept
that is longer than its limit, and one that can't be read takes no other with it.

Source: RFC 8259. Brackets and strings alone tell where an element ends; what is inside, orjson reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

import orjson

from migration_tools.records import Refused
from migration_tools.sources.files import LONGEST_LINE, lines, opened

CHUNK = 262_144
LONGEST = LONGEST_LINE
LONGEST_SCALAR = 255
OPEN, CLOSE, QUOTE = b"{[", b"}]", ord('"')
# Possessive: a string that is not closed is looked at once.
TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)
REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
SCALAR = re.compile(rb"[^\s,\]}\[{:]*+")
NOT_BLANK = re.compile(rb"[^ \t\r\n]")
CUT_SHORT = Refused("cut-short", "the file ends before its end: export it again")


@dataclass(frozen=True, slots=True)
class Element:
    """``raw``: the text of one object, unless ``refusal`` says why there is none; ``around``: what the
    objects around it tell of themselves; ``cells``: the columns of what stood in a table."""

    place: str
    raw: bytes = b""
    refusal: Refused | None = None
    around: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[str, str | None] | None = None


class _CutShort(Exception):
    """The file has ended in the middle of something."""


class _Broken(Exception):
    """No JSON from here on."""


def elements(path: str, wanted: frozenset[str], *, has_lines: bool = False) -> Iterator[Element]:
    """The objects at the paths ``wanted``: ``*`` is an element of a list, ``users.*`` one of the list that
    the document has under this name. With ``has_lines`` an object on each line is understood as well.

    A file that ends too early, or is no JSON from some point on, gives a last element that says so. Raises
    ``SourceFault`` for what can't be opened or is encrypted.
    """
    with opened(path) as file:
        if has_lines and _is_in_lines(file, wanted):
            yield from _of_lines(file)
        else:
            yield from _of_document(file, wanted)


def _is_in_lines(file: BinaryIO, wanted: frozenset[str]) -> bool:
    """Whether the first two lines are objects of their own, and no document with a list that is wanted."""
    start = file.tell()
    found = [line for _, line in zip(range(2), lines(file), strict=False)]
    file.seek(start)
    containers = {one.removesuffix(".*") for one in wanted}
    rows = [_object(line) for line in found]
    if rows and rows[0] is not None:
        return not any(isinstance(rows[0].get(name), list) for name in containers)
    return len(rows) > 1 and rows[1] is not None


def _object(line: bytes | None) -> dict[str, object] | None:
    try:
        row = orjson.loads(line or b"")
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None


def _of_lines(file: BinaryIO) -> Iterator[Element]:
    for number, line in enumerate(lines(file), start=1):
        if line is None:
            yield Element(f"line {number}", refusal=Refused("too-long", "the line is longer than 1 MiB"))
        elif not line.isspace():
            yield Element(f"line {number}", line)


def _of_document(file: BinaryIO, wanted: frozenset[str]) -> Iterator[Element]:
    scanner = _Scanner(file)
    walk = _Walk(scanner, wanted)
    try:
        yield from walk.value("", {})
        if scanner.peek() is not None:
            raise _Broken
    except _CutShort:
        yield Element(walk.place(), refusal=CUT_SHORT)
    except _Broken:
        refusal = Refused("invalid-json", "from here on the file is no JSON: what follows is not read")
        yield Element(walk.place(), refusal=refusal)


@dataclass(slots=True)
class _Walk:
    """Down to what is wanted, past all else."""

    scanner: _Scanner
    wanted: frozenset[str]
    number: int = 0

    def place(self) -> str:
        return f"record {self.number + 1}, line {self.scanner.line()}"

    def value(self, path: str, around: dict[str, str]) -> Iterator[Element]:
        byte = self.scanner.peek()
        if byte is None:
            raise _CutShort
        if path in self.wanted:
            yield self._element(byte, around)
        elif byte in OPEN and any(one.startswith(path) for one in self.wanted):
            yield from self._list(path, around) if byte == OPEN[1] else self._object(path, around)
        elif byte in OPEN:
            self.scanner.container(keeps=False)
        else:
            self._remember(path, self.scanner.scalar(), around)

    def _remember(self, path: str, raw: bytes, around: dict[str, str]) -> None:
        if len(raw) <= LONGEST_SCALAR:
            try:
                around[path.rpartition(".")[2]] = str(orjson.loads(raw))
            except orjson.JSONDecodeError:
                raise _Broken from None

    def _element(self, byte: int, around: Mapping[str, str]) -> Element:
        place = self.place()
        if byte != OPEN[0]:
            if byte in OPEN:
                self.scanner.container(keeps=False)
            else:
                self.scanner.scalar()
            self.number += 1
            return Element(place, refusal=Refused("invalid-record", "not an object"))
        raw = self.scanner.container(keeps=True)
        self.number += 1
        if raw is None:
            return Element(place, refusal=Refused("too-long", "the record is longer than 1 MiB"))
        return Element(place, raw, around=dict(around))

    def _list(self, path: str, around: dict[str, str]) -> Iterator[Element]:
        self.scanner.take()
        while (byte := self.scanner.needed()) not in CLOSE:
            yield from self.value(f"{path}.*" if path else "*", {} if not path else around)
            self._separate()
        self._close(byte, 1)

    def _object(self, path: str, around: dict[str, str]) -> Iterator[Element]:
        self.scanner.take()
        while (byte := self.scanner.needed()) not in CLOSE:
            if byte != QUOTE:
                raise _Broken
            name = self._name()
            yield from self.value(f"{path}.{name}" if path else name, around)
            self._separate()
        self._close(byte, 0)

    def _name(self) -> str:
        raw = self.scanner.scalar()
        if self.scanner.needed() != ord(":"):
            raise _Broken
        self.scanner.take()
        try:
            return str(orjson.loads(raw))
        except orjson.JSONDecodeError:
            raise _Broken from None

    def _separate(self) -> None:
        byte = self.scanner.needed()
        if byte == ord(","):
            self.scanner.take()
        elif byte not in CLOSE:
            raise _Broken

    def _close(self, byte: int, kind: int) -> None:
        if byte != CLOSE[kind]:
            raise _Broken
        self.scanner.take()


class _Scanner:
    """The bytes of a file from one point on, a piece at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._buffer, self._at = file, b"", 0
        self._line, self._counted = 1, 0

    def line(self) -> int:
        self._count_to(self._at)
        return self._line

    def peek(self) -> int | None:
        """The next byte that is no blank; None at the end."""
        while True:
            found = NOT_BLANK.search(self._buffer, self._at)
            if found:
                self._at = found.start()
                return self._buffer[self._at]
            self._at = len(self._buffer)
            if not self._more(self._at):
                return None

    def needed(self) -> int:
        """The same; raises ``_CutShort`` at the end."""
        byte = self.peek()
        if byte is None:
            raise _CutShort
        return byte

    def take(self) -> None:
        self._at += 1

    def scalar(self) -> bytes:
        """A string with its quotes, a number, true, false or null; what is too long of it is left out."""
        if self._buffer[self._at] == QUOTE:
            return self._string()
        while True:
            found = SCALAR.match(self._buffer, self._at)
            end = found.end() if found else self._at
            if end < len(self._buffer) or not self._more(self._at):
                break
            if len(self._buffer) > LONGEST + CHUNK:
                raise _Broken
        raw, self._at = self._buffer[self._at : end], end
        if not raw:
            raise _Broken
        return raw

    def container(self, *, keeps: bool) -> bytes | None:
        """From this bracket to the one that closes it; None where it is longer than ``LONGEST``."""
        start, scan, depth = self._at, self._at, 0
        while True:
            for found in TOKEN.finditer(self._buffer, scan):
                scan = found.start()
                byte = self._buffer[scan]
                if byte == QUOTE:
                    if found.end() - scan == 1:
                        break
                    scan = found.end()
                    continue
                scan += 1
                depth += 1 if byte in OPEN else -1
                if not depth:
                    self._at = scan
                    is_kept = keeps and scan - start <= LONGEST
                    return self._buffer[start:scan] if is_kept else None
            else:
                scan = len(self._buffer)
            if keeps and len(self._buffer) - start > LONGEST:
                keeps = False
            if keeps:
                scan -= start
                self._need_more(start)
                start = 0
                continue
            self._at = scan
            if scan < len(self._buffer):
                self._string()
            else:
                self._need_more(scan)
            start = scan = self._at

    def _string(self) -> bytes:
        """From its quote to behind the one that closes it; the beginning of one that is very long."""
        beginning, self._at = b"", self._at + 1
        while True:
            found = REST_OF_STRING.match(self._buffer, self._at)
            end = found.end() if found else self._at
            if len(beginning) <= LONGEST_SCALAR:
                beginning += self._buffer[self._at : end]
            self._at = end
            if self._buffer[end : end + 1] == b'"':
                self._at = end + 1
                return b'"' + beginning + b'"'
            self._need_more(end)

    def _need_more(self, keep_from: int) -> None:
        if not self._more(keep_from):
            self._at = len(self._buffer)
            raise _CutShort

    def _more(self, keep_from: int) -> bool:
        """Another piece, behind what is kept; whether there was one. Positions move to the left."""
        piece = self._file.read(CHUNK)
        if not piece:
            return False
        self._count_to(keep_from)
        self._buffer = self._buffer[keep_from:] + piece
        self._counted -= keep_from
        self._at -= keep_from
        return True

    def _count_to(self, end: int) -> None:
        if end > self._counted:
            self._line += self._buffer.count(b"\n", self._counted, end)
            self._counted = end
