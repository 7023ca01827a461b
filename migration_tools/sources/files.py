"""Files, line by line, in bounded memory: whatever the file holds, no line is read further than its limit."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import Any, BinaryIO

from migration_tools.sources.source import SourceFault

LONGEST_LINE = 1_048_576
BOM = b"\xef\xbb\xbf"
PGP = b"-----BEGIN PGP"
STRANGE_STARTS = {
    b"\xff\xfe": "it is UTF-16: write it as UTF-8",
    b"\xfe\xff": "it is UTF-16: write it as UTF-8",
    PGP: "it is encrypted with PGP: decrypt it first (gpg --decrypt)",
    b"\x1f\x8b": "it is packed: unpack it first (gunzip)",
    b"PK\x03\x04": "it is a ZIP archive or a spreadsheet: unpack it, or export it as CSV",
}


# The first packets of an encrypted message that is not armored. RFC 9580, section 4.2 and 5.
PGP_PACKETS = frozenset((0x84, 0x85, 0x86, 0x8C, 0x8D, 0x8E, 0xC1, 0xC3))


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """The file, behind its byte order mark. Raises ``SourceFault`` for what can't be read line by line."""
    try:
        file = open(path, "rb")  # noqa: SIM115, closed below
    except OSError as problem:
        raise SourceFault(f"{path}: {problem.strerror}") from None
    with file:
        start = file.read(16)
        for sign, advice in STRANGE_STARTS.items():
            if start.startswith(sign):
                raise SourceFault(f"{path}: {advice}")
        if _is_encrypted(start):
            raise SourceFault(f"{path}: {STRANGE_STARTS[PGP]}")
        file.seek(len(BOM) if start.startswith(BOM) else 0)
        yield file


def _is_encrypted(start: bytes) -> bool:
    """Text in UTF-8 never begins so; 0xC3 may, before another byte of its character."""
    is_letter = start[:1] == b"\xc3" and 0x80 <= (start[1:2] or b"\0")[0] < 0xC0
    return bool(start) and start[0] in PGP_PACKETS and not is_letter


def paths_of(told: str) -> Sequence[str]:
    """The files that ``--input`` means: one, those of a directory that end in .json, or those that a pattern
    (``users-*.json``) fits; numbers in names count as such. Raises ``SourceFault`` where there is none."""
    if os.path.isdir(told):
        found = [str(one) for one in Path(told).glob("*.json")]
    elif any(sign in told for sign in "*?[") and not os.path.exists(told):
        found = glob(told)
    else:
        return [told]
    if not found:
        raise SourceFault(f"{told}: there is no such file (.json, if it is a directory)")
    return sorted(found, key=_in_order)


def _in_order(path: str) -> tuple[list[tuple[int, str]], str]:
    parts = re.split(r"(\d+)", path)
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts], path


def lines(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines with their ends; None for one that is longer than ``LONGEST_LINE``, which is passed over."""
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST_LINE)
            yield None
        else:
            yield line


def identity(path: str) -> Mapping[str, Any]:
    """Another content has another identity, nearly always; a copy elsewhere has the same."""
    try:
        found = os.stat(path)
    except OSError as problem:
        raise SourceFault(f"{path}: {problem.strerror}") from None
    return {"size": found.st_size, "changed": found.st_mtime_ns}


def identities(paths: Sequence[str]) -> Mapping[str, Any]:
    """Of a single file as ``identity`` tells it; of several by their names."""
    if len(paths) == 1:
        return identity(paths[0])
    return {os.path.basename(path): dict(identity(path)) for path in paths}


def split_position(position: str) -> tuple[int, int]:
    """Bytes and lines before it."""
    offset, _, line = position.partition(":")
    return int(offset or 0), int(line or 0)
