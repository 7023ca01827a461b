"""The users who are here already, on the scratch database: only with them are conflicts real.

Rows go as they are, with whatever their foreign keys point to. The real database is read in one snapshot, and
nothing is written to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import quote

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management.color import no_style
from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from better_auth.models import Account
from better_auth.storage.records import carrier_model
from migration_tools.models import MigrationRecord, MigrationRun
from migration_tools.rehearsal.scratch import Scratch, ScratchFault, real_connection

Kind = type[Model]
SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def models_of_users() -> list[Kind]:
    """Users, their ways to sign in, their groups, and what earlier runs know of them."""
    user: Any = get_user_model()
    groups = [Group, user.groups.through] if hasattr(user, "groups") else []
    return _with_what_they_point_to([user, carrier_model(), Account, *groups, MigrationRun, MigrationRecord])


def models_of_groups() -> list[Kind]:
    """What a policy that names groups must find."""
    return _with_what_they_point_to([Group])


def copy(scratch: Scratch, models: Sequence[Kind]) -> int:
    """How many rows there were. Raises ``ScratchFault``."""
    with closing(real_connection()) as real:
        try:
            if real.vendor == "sqlite":
                return _copy_attached(scratch.connection, str(real.settings_dict["NAME"]), models)
            return _copy_streamed(scratch.connection, real, models)
        except Error as problem:
            told = (str(problem).strip().splitlines() or [type(problem).__name__])[0][:200]
            raise ScratchFault(
                f"--copy-users: {told}; is every migration applied (manage.py migrate)?"
            ) from None


def _with_what_they_point_to(models: Iterable[Kind]) -> list[Kind]:
    """By table; two models of one table (proxies) are one."""
    found: dict[str, Kind] = {}
    waiting = list(models)
    while waiting:
        model: Any = waiting.pop(0)
        model = model._meta.concrete_model
        if model._meta.db_table in found or not model._meta.managed:
            continue
        found[model._meta.db_table] = model
        waiting += [field.remote_field.model for field in model._meta.local_fields if field.remote_field]
    return list(found.values())


def _columns(connection: BaseDatabaseWrapper, model: Any) -> str:
    fields = [one for one in model._meta.local_concrete_fields if not one.generated]
    return ", ".join(connection.ops.quote_name(one.column) for one in fields)


def _table(connection: BaseDatabaseWrapper, model: Any) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _empty(connection: BaseDatabaseWrapper, cursor: Any, models: Sequence[Kind]) -> None:
    """Migrations may have put rows there; those of the real database count."""
    for model in models:
        cursor.execute(f"DELETE FROM {_table(connection, model)}")  # noqa: S608


def _copy_attached(scratch: BaseDatabaseWrapper, name: str, models: Sequence[Kind]) -> int:
    if ":memory:" in name or "mode=memory" in name:
        raise ScratchFault("--copy-users: a database in memory can't be copied")
    uri = name if name.startswith("file:") else f"file:{quote(name)}?mode=ro"
    count = 0
    with scratch.cursor() as cursor:
        cursor.execute("ATTACH DATABASE %s AS real", [uri])
        cursor.execute("BEGIN")
        try:
            _empty(scratch, cursor, models)
            for model in models:
                table, columns = _table(scratch, model), _columns(scratch, model)
                cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM real.{table}")  # noqa: S608
                count += cursor.rowcount
            cursor.execute("COMMIT")
        except Error:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("DETACH DATABASE real")
    return count


def _copy_streamed(scratch: BaseDatabaseWrapper, real: BaseDatabaseWrapper, models: Sequence[Kind]) -> int:
    count = 0
    with real.cursor() as reading, scratch.cursor() as writing:
        if not hasattr(reading, "copy"):
            raise ScratchFault("--copy-users wants psycopg 3")
        reading.execute(SNAPSHOT)
        writing.execute("BEGIN")  # foreign keys are looked at when it is committed
        _empty(scratch, writing, models)
        for model in models:
            columns = _columns(scratch, model)
            out = f"COPY (SELECT {columns} FROM {_table(real, model)}) TO STDOUT"  # noqa: S608
            into = f"COPY {_table(scratch, model)} ({columns}) FROM STDIN"
            with reading.copy(out) as rows, writing.copy(into) as target:
                for block in rows:
                    target.write(block)
            count += writing.rowcount
        writing.execute("COMMIT")
        reading.execute("ROLLBACK")
        for statement in scratch.ops.sequence_reset_sql(no_style(), list(models)):
            writing.execute(statement)
    return count
