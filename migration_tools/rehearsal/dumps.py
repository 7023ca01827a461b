"""What a database holds, in a few bytes for each table: enough to tell whether two states are equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from django.contrib.auth import get_user_model
from django.db.backends.base.base import BaseDatabaseWrapper

from better_auth.models import Account, AuditEntry, Session
from better_auth.storage.records import carrier_model
from migration_tools.models import MigrationRecord, MigrationRun

CHUNK = 2000
WIDTH = 2**256
# The journal and the audit log tell of a run and of its rollback; that is what they are for.
NOT_COMPARED = frozenset(
    {
        *(model._meta.db_table for model in (MigrationRun, MigrationRecord, AuditEntry)),
        *("django_migrations", "sqlite_sequence"),
    }
)
OF_RECORDS = (
    *("source", "legacy_id", "place", "position", "state", "outcome", "reason", "detail", "warnings"),
    "content_hash",
)


@dataclass(frozen=True, slots=True)
class Digest:
    """Of the rows of a table, in whatever order they come."""

    rows: int
    sum: int


Dump = Mapping[str, Digest]


def dump(connection: BaseDatabaseWrapper) -> Dump:
    """Every table but those that are ``NOT_COMPARED``."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
    return {
        table: _digest(connection, f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
        for table in tables
        if table not in NOT_COMPARED
    }


def dump_of_records(connection: BaseDatabaseWrapper, run: int) -> Digest:
    """What became of which record: the same for two runs that end alike, whenever they ran."""
    columns, table = ", ".join(OF_RECORDS), MigrationRecord._meta.db_table
    return _digest(connection, f"SELECT {columns} FROM {table} WHERE run_id = {int(run)}")  # noqa: S608


def sizes(connection: BaseDatabaseWrapper) -> dict[str, int]:
    """Rows in the tables that a run writes to."""
    found = {}
    with connection.cursor() as cursor:
        for model in (get_user_model(), carrier_model(), Account, Session):
            table = model._meta.db_table
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608
            found[table] = int(cursor.fetchone()[0])
    return found


def differences(before: Dump, after: Dump) -> list[str]:
    """A few words for each table that is not the same."""
    nothing = Digest(0, 0)
    found = []
    for table in sorted({*before, *after}):
        one, other = before.get(table, nothing), after.get(table, nothing)
        if one.rows != other.rows:
            found.append(f"{table}: {one.rows:,} rows before, {other.rows:,} after")
        elif one != other:
            found.append(f"{table}: rows have changed")
    return found


def _digest(connection: BaseDatabaseWrapper, sql: str) -> Digest:
    rows = total = 0
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql)
        while chunk := cursor.fetchmany(CHUNK):
            rows += len(chunk)
            for row in chunk:
                total += int.from_bytes(sha256(repr(tuple(row)).encode()).digest())
    return Digest(rows, total % WIDTH)
