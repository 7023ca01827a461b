"""Many rows at once: by COPY on PostgreSQL, else by one prepared INSERT. No instances, no signals.

What a row does not name has the field's default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
from django.db import connections, router
from django.db.models import NOT_PROVIDED, AutoField, DateTimeField, JSONField, Model

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a row becomes the values of a statement. ``constants`` and ``factories``: defaults by column;
    ``preparations``: of the few columns that do not go in as they are, by position."""

    constants: Mapping[str, Any]
    factories: tuple[tuple[str, Callable[[], Any]], ...]
    pick: Callable[[Mapping[str, Any]], Sequence[Any]]
    preparations: tuple[tuple[int, Callable[[Any], Any]], ...]

    def values(self, row: Row) -> Sequence[Any]:
        whole = {**self.constants, **row}
        for name, make in self.factories:
            if name not in row:
                whole[name] = make()
        values = list(self.pick(whole))
        for at, prepare in self.preparations:
            values[at] = prepare(values[at])
        return values


def insert(model: type[Model], rows: Iterable[Row]) -> None:
    """Write rows, given by the names of attributes (``user_id``), into the model's own table.

    Raises the database's errors as the ORM does; then, as there, nothing of the statement is kept.
    """
    alias = router.db_for_write(model)
    connection, layout = connections[alias], _layout(model, alias)
    values = map(layout.values, rows)
    if connection.vendor == "postgresql":
        _copy(connection, _statement(model, alias, copies=True), values)
    else:
        with connection.cursor() as cursor:
            cursor.executemany(_statement(model, alias, copies=False), list(values))


def has_one_table(model: type[Model]) -> bool:
    """Whether a row of the model stands in one table, and so can be written here."""
    return not any(parent for parent in model._meta.parents.values())


def _copy(connection: Any, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        connection.connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in rows:
            copy.write_row(row)


@lru_cache(maxsize=32)
def _layout(model: type[Model], alias: str) -> Layout:
    fields, connection = _fields(model), connections[alias]
    prepared = ((at, _preparation(field, connection)) for at, field in enumerate(fields))
    return Layout(
        constants={field.attname: field.get_default() for field in fields if not _is_made_anew(field)},
        factories=tuple((field.attname, field.get_default) for field in fields if _is_made_anew(field)),
        pick=itemgetter(*(field.attname for field in fields)),
        preparations=tuple((at, prepare) for at, prepare in prepared if prepare is not None),
    )


def _is_made_anew(field: Any) -> bool:
    """Whether each row has a default of its own."""
    return field.has_default() and callable(field.default)


def _fields(model: type[Model]) -> list[Any]:
    return [
        field
        for field in model._meta.local_concrete_fields
        if not (isinstance(field, AutoField) or field.generated or field.db_default is not NOT_PROVIDED)
    ]


def _preparation(field: Any, connection: Any) -> Callable[[Any], Any] | None:
    if field.is_relation:  # it holds what it points to
        return _preparation(field.target_field, connection)
    if isinstance(field, JSONField) and field.encoder is None:
        return _json
    is_postgresql = connection.vendor == "postgresql"
    if isinstance(field, DateTimeField) and not is_postgresql:
        return lambda value: None if value is None else connection.ops.adapt_datetimefield_value(value)
    if field.get_internal_type() in ("CharField", "TextField", "EmailField", "BooleanField", "DateTimeField"):
        return None
    return lambda value: field.get_db_prep_save(value, connection)


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


@lru_cache(maxsize=64)
def _statement(model: type[Model], alias: str, *, copies: bool) -> str:
    quote = connections[alias].ops.quote_name
    columns = ", ".join(quote(field.column) for field in _fields(model))
    table = quote(model._meta.db_table)
    if copies:
        return f"COPY {table} ({columns}) FROM STDIN"
    places = ", ".join(["%s"] * len(_fields(model)))
    return f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608
