"""Selects of one row by one value, which Django's compiler writes once and the driver runs from then on.

They give plain values and no model instances, at a quarter of what the ORM spends on building a query anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections, router
from django.db.models import Model
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
