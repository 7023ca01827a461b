"""The statements of the hottest paths, written once and run by the driver from then on.

Selects are written by Django's compiler and give plain values; inserts and updates of one row name their
columns. None makes model instances or sends their signals, and each costs a quarter of what the ORM spends on
building its query anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import connections, router
from django.db.models import AutoField, Model
from django.db.models.manager import BaseManager

Converter = tuple[int, Sequence[Callable[[Any, Any, Any], Any]], Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """``parameters``: those after the first, which is the value asked for; ``converters``: what fields and
    database do to a column on its way in, by position."""

    sql: str
    field: Any
    parameters: tuple[Any, ...]
    converters: tuple[Converter, ...]


@dataclass(frozen=True, slots=True)
class CompiledSelect:
    """``columns`` of the row in which ``by`` has the value asked for, and ``where`` holds."""

    model: type[Model]
    by: str
    columns: tuple[str, ...]
    where: tuple[tuple[str, Any], ...] = ()

    def first(self, value: Any) -> list[Any] | None:
        """The columns in their order, as the ORM would give them."""
        if value is None:
            return None
        manager = self.model._default_manager
        if type(manager).get_queryset is not BaseManager.get_queryset:
            # A host's manager decides anew at each call which rows there are.
            rows = manager.filter(**{self.by: value}, **dict(self.where)).values_list(*self.columns)
            return next((list(row) for row in rows[:1]), None)
        alias = router.db_for_read(self.model)
        statement, connection = _compile(self, alias, value), connections[alias]
        sought = statement.field.get_db_prep_value(value, connection)
        row = fetch(connection, statement.sql, (sought, *statement.parameters))
        if row is None:
            return None
        values = list(row)
        for position, steps, expression in statement.converters:
            for step in steps:
                values[position] = step(values[position], expression, connection)
        return values


def insert(row: Model) -> None:
    """Write an unsaved instance as it is. Raises the database's errors as the ORM does."""
    connection = connections[router.db_for_write(type(row))]
    sql, fields = _insertion(type(row), connection.alias)
    execute(
        connection, sql, [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
    )


def update(model: type[Model], key: Any, **values: Any) -> None:
    """Other values for fields of the row with this primary key. All must stand in the model's own table."""
    connection = connections[router.db_for_write(model)]
    sql, fields, primary_key = _change(model, tuple(values), connection.alias)
    given = [field.get_db_prep_save(values[field.name], connection) for field in fields]
    execute(connection, sql, [*given, primary_key.get_db_prep_save(key, connection)])


@lru_cache(maxsize=32)
def _insertion(model: type[Model], alias: str) -> tuple[str, list[Any]]:
    quote = connections[alias].ops.quote_name
    fields: list[Any] = [
        field for field in model._meta.local_concrete_fields if not isinstance(field, AutoField)
    ]
    columns, places = ", ".join(quote(field.column) for field in fields), ", ".join(["%s"] * len(fields))
    return f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})", fields  # noqa: S608


@lru_cache(maxsize=32)
def _change(model: type[Model], names: tuple[str, ...], alias: str) -> tuple[str, list[Any], Any]:
    quote, meta = connections[alias].ops.quote_name, model._meta
    fields: list[Any] = [meta.get_field(name) for name in names]
    primary_key: Any = meta.pk
    changes = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    sql = f"UPDATE {quote(meta.db_table)} SET {changes} WHERE {quote(primary_key.column)} = %s"  # noqa: S608
    return sql, fields, primary_key


def execute(connection: Any, sql: str, parameters: Sequence[Any]) -> None:
    if _prepares(connection):
        from psycopg import Cursor

        with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
            cursor.execute(sql, parameters)
        return
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def fetch(connection: Any, sql: str, parameters: Sequence[Any]) -> Sequence[Any] | None:
    """The first row; prepared where the connection allows it (``prepare_threshold`` in its ``OPTIONS``)."""
    row: Sequence[Any] | None
    if _prepares(connection):
        from psycopg import Cursor

        # Django's cursors put the values into the text, so that no two statements are the same.
        with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
            row = cursor.execute(sql, parameters).fetchone()
    else:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            row = cursor.fetchone()
    return row


def _prepares(connection: Any) -> bool:
    """Prepared statements are allowed, and nobody wants to see or count the statements."""
    if connection.vendor != "postgresql" or connection.execute_wrappers or connection.queries_logged:
        return False
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    return getattr(connection.connection, "prepare_threshold", None) is not None


def _compile(select: CompiledSelect, alias: str, value: Any) -> Statement:
    statement = _statements.get((select, alias))
    if statement is None:
        rows = select.model._default_manager.using(alias).filter(**{select.by: value})
        query = rows.filter(**dict(select.where)).values_list(*select.columns).query
        compiler = query.get_compiler(using=alias)
        sql, (_, *parameters) = compiler.as_sql()
        found = compiler.get_converters([column for column, _, _ in compiler.select])
        converters = tuple((at, steps, expression) for at, (steps, expression) in found.items())
        field = select.model._meta.get_field(select.by)
        statement = _statements[select, alias] = Statement(sql, field, tuple(parameters), converters)
    return statement


_statements: dict[tuple[CompiledSelect, str], Statement] = {}
