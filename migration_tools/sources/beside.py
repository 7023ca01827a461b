"""What a second file of an export says of the same users: found by a key, and not held in memory.

It goes into a database in a temporary directory that nobody else may read, and is gone with the source.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from os.path import basename, join
from typing import Any

import orjson

from migration_tools.records import Refused
from migration_tools.sources.json_documents import Element
from migration_tools.sources.json_records import parsed

BATCH = 2000


class Beside:
    """``key_of`` gives what a row is found by, or None for one that is of no use."""

    def __init__(
        self,
        path: str,
        elements: Callable[[str], Iterator[Element]],
        key_of: Callable[[Mapping[str, Any]], str | None],
    ) -> None:
        self._path, self._elements, self._key_of = path, elements, key_of
        self._folder: str | None = None
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._faults: list[Element] = []

    def find(self, key: str) -> list[Mapping[str, Any]]:
        """All rows with this key, in the order of the file. Raises ``SourceFault``."""
        rows = self._open().execute("SELECT row FROM beside WHERE key = ? ORDER BY rowid", (key,))
        return [orjson.loads(row) for (row,) in rows]

    def prepare(self) -> None:
        """Read the file, once; connections are opened afterwards, by whoever looks."""
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="migrate-users-")
            weakref.finalize(self, _remove, self._folder, os.getpid())
            self._fill(join(self._folder, "beside.sqlite3"))

    def faults(self) -> Iterator[Element]:
        """Rows that can't be read, each with its place."""
        self.prepare()
        name = basename(self._path)
        for one in self._faults:
            yield Element(f"{name}, {one.place}", refusal=one.refusal)

    def close(self) -> None:
        """Let go of the connection: a fork must have one of its own."""
        if self._connection is not None and self._process == os.getpid():
            self._connection.close()
        self._connection = None

    def _open(self) -> sqlite3.Connection:
        self.prepare()
        if self._connection is None or self._process != os.getpid():
            self._connection = sqlite3.connect(join(str(self._folder), "beside.sqlite3"))
            self._process = os.getpid()
        return self._connection

    def _fill(self, path: str) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("CREATE TABLE beside (key TEXT, row BLOB)")
            connection.executemany("INSERT INTO beside VALUES (?, ?)", self._rows())
            connection.execute("CREATE INDEX by_key ON beside (key)")
            connection.commit()

    def _rows(self) -> Iterator[tuple[str, bytes]]:
        for element in self._elements(self._path):
            try:
                row = parsed(element)
                key = self._key_of(row)
                if not key:
                    raise Refused("missing-id", "nobody can be found by it")
            except Refused as refusal:
                self._faults.append(Element(element.place, refusal=refusal))
                continue
            yield key, orjson.dumps(row)


def _remove(folder: str, process: int) -> None:
    if os.getpid() == process:  # a fork's end is not the end
        with suppress(OSError):
            shutil.rmtree(folder)
