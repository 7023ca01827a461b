"""Lists of users: searched, filtered, sorted and cut into pages, by two statements whatever their size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import F, FloatField, Q, QuerySet, TextField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from better_auth.storage.records import (
    UserRecord,
    carrier_model,
    has_user_row,
    user_columns,
    user_from,
    user_record,
)

Kind = Literal["text", "boolean", "moment", "number"]
ID = "id"
# Names in queries that no column has.
SOUGHT, SORTED = "better_auth_sought_{}", "better_auth_sorted"


@dataclass(frozen=True, slots=True)
class Column:
    """``name``: of ``UserRecord``. ``key``: of a field that the host has added, with what it is where it was
    never set."""

    name: str
    kind: Kind = "text"
    key: str | None = None
    default: Any = None


@dataclass(frozen=True, slots=True)
class Condition:
    """``value``: of the column's kind; a list of such for ``in`` and ``not_in``."""

    column: Column
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Page:
    """``total``: of all that meet the conditions."""

    users: Sequence[UserRecord]
    total: int


# What the protocol calls it, here and in the lists of organizations, and how the ORM does.
LOOKUPS = {
    "eq": "exact",
    "lt": "lt",
    "lte": "lte",
    "gt": "gt",
    "gte": "gte",
    "in": "in",
    "contains": "contains",
    "starts_with": "startswith",
    "ends_with": "endswith",
}
NEGATED = {"ne": "eq", "not_in": "in"}


def find_users(
    conditions: Sequence[Condition], *, sort_by: Column | None, descending: bool, limit: int, offset: int
) -> Page:
    """Without ``sort_by`` in the order in which they came, as their keys tell."""
    rows = carrier_model()._default_manager.all()
    for index, condition in enumerate(conditions):
        rows = _where(rows, condition, SOUGHT.format(index))
    total = rows.count()
    if offset >= total:
        return Page((), total)
    if sort_by is not None:
        rows = rows.annotate(**{SORTED: _expression(sort_by)})
        rows = rows.order_by(f"-{SORTED}" if descending else SORTED, "pk")
    else:
        rows = rows.order_by("pk")
    return Page(_read(rows[offset : offset + limit]), total)


def _where(rows: QuerySet[Any], condition: Condition, name: str) -> QuerySet[Any]:
    """A row that has no value is not equal to any."""
    operator = NEGATED.get(condition.operator, condition.operator)
    named = condition.column.name if condition.column.key is None else name
    if condition.column.key is not None:
        rows = rows.alias(**{name: _expression(condition.column)})
    elif condition.column.name == ID:
        named = _id_column()
    met = Q(**{f"{named}__{LOOKUPS[operator]}": condition.value})
    if condition.operator in NEGATED:
        return rows.filter(~met | Q(**{f"{named}__isnull": True}))
    return rows.filter(met)


def _expression(column: Column) -> Any:
    if column.key is None:
        return F(_id_column() if column.name == ID else column.name)
    text: Any = KT(f"additional_fields__{column.key}")
    if column.default is not None:
        text = Coalesce(text, Value(_as_text(column.default)), output_field=TextField())
    return Cast(text, FloatField()) if column.kind == "number" else text


def _as_text(value: Any) -> str:
    """As a member of a JSON document reads as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _id_column() -> str:
    return "pk" if has_user_row() else "public_id"


def _read(rows: QuerySet[Any]) -> list[UserRecord]:
    columns = user_columns()
    if columns is not None:
        return [user_from(values) for values in rows.values_list(*columns)]
    with_user = rows if has_user_row() else rows.select_related("user")
    record: Callable[[Any], UserRecord] = user_record
    return [record(row) for row in with_user]
