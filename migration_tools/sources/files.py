"""Files, line by line, in bounded memory: whatever the file holds, no line is read further than its limit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from migration_tools.sources.source import SourceFault

LONGEST_LINE = 1_048_576
BOM = b"\xef\xbb\xbf"
STRANGE_STARTS = {
    b"\xff\xfe": "it is UTF-16: write it as UTF-8",
    b"\xfe\xff": "it is UTF-16: write it as UTF-8",
    b"-----BEGIN PGP": "it is encrypted with PGP: decrypt it first (gpg --decrypt)",
    b"\x1f\x8b": "it is packed: unpack it first (gunzip)",
    b"PK\x03\x04": "it is a ZIP archive or a spreadsheet: unpack it, or export it as CSV",
}


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
        file.seek(len(BOM) if start.startswith(BOM) else 0)
        yield file


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


def split_position(position: str) -> tuple[int, int]:
    """Bytes and lines before it."""
    offset, _, line = position.partition(":")
    return int(offset or 0), int(line or 0)
