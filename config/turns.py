"""Commands that prepare the database take turns: several servers may start at once on a new one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

PREPARING = {"migrate", "create_operator"}
# Any number will do that no other user of advisory locks in this database has.
LOCK = 0x6265_7474_6572


@contextlib.contextmanager
def take(arguments: Sequence[str]) -> Iterator[None]:
    """While one such command runs, the next waits; all other commands go ahead."""
    if not PREPARING.intersection(arguments[1:2]) or {"-h", "--help"}.intersection(arguments):
        yield
        return
    database = connections["default"]
    lock = _lock_in_postgresql(database) if database.vendor == "postgresql" else _lock_beside_file(database)
    with lock:
        yield


@contextlib.contextmanager
def _lock_in_postgresql(database: BaseDatabaseWrapper) -> Iterator[None]:
    """On a connection of its own: whatever becomes of this process, the lock goes with it."""
    connection = database.copy()
    connection.settings_dict["OPTIONS"].pop("pool", None)
    try:
        connection.ensure_connection()
        # The driver's own cursor: Django's warns of queries this early.
        with connection.connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        yield
    finally:
        connection.close()


@contextlib.contextmanager
def _lock_beside_file(database: BaseDatabaseWrapper) -> Iterator[None]:
    """On the folder of the SQLite file: it leaves nothing behind."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(Path(str(database.settings_dict["NAME"])).resolve().parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
