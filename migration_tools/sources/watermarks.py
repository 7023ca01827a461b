"""How far a database has been read by time: the rows at or above a bound, and the highest time there is.

Times are compared by the database itself, so a bound has the shape that the column has: a time, a text in
ISO 8601, or seconds or milliseconds since 1970.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import partial
from typing import Any

from better_auth import clock
from better_auth.conf.loading import nearest
from migration_tools.sources.databases import Database, Selection, key_from, key_text
from migration_tools.sources.source import SourceFault, Told, Window
from migration_tools.values import LARGEST_SECONDS

# Numbers below count something else: as seconds this is the year 1973.
SMALLEST_SECONDS = 100_000_000
CHUNK = 500
TEXT_OF_A_MOMENT = len("2024-11-02T08:00:00")
TEXT_OF_A_DAY = len("2024-11-02")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of times. ``relation`` and ``name``: quoted; ``label``: as the operator wrote it; ``zone``:
    of times that state none."""

    relation: str
    name: str
    label: str
    where: str | None = None
    zone: tzinfo | None = None

    def highest(self, database: Database) -> Any:
        """None where no row has a time. A time to come is nobody's last change, and would hide all others:
        it does not count. Raises ``SourceFault`` for a column of anything else."""
        found = database.value(self._question(database))
        if found is None:
            return None
        now = _like(found, clock.now(), self)
        if _is_later(found, now):
            found = database.value(f"{self._question(database)} AND {self.name} <= {database.place}", (now,))
        return now if found is None else found

    def _question(self, database: Database) -> str:
        where = database.literal(self.where or "1 = 1")
        return f"SELECT max({self.name}) FROM {self.relation} WHERE ({where})"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL that holds for rows that changed, with its parameters."""

    sql: str
    parameters: tuple[Any, ...]


def column_of(
    database: Database, relation: str, told: Told, name: str, *, where: str | None
) -> Column | None:
    """The one that was named, if one was. Raises ``SourceFault`` where the relation has none of that name."""
    if told.watermark is None:
        return None
    there = database.columns_of(relation)
    if told.watermark not in there:
        known = ", ".join(there[:20])
        raise SourceFault(
            f"the watermark is to be the column {told.watermark!r}, "
            f"{name} has none{nearest(told.watermark, there)} ({known})"
        )
    zone = told.mapping.zone if told.mapping else None
    return Column(relation, database.quote(told.watermark), told.watermark, where, zone)


def reached(database: Database, columns: Sequence[Column], overlap: timedelta) -> str | None:
    """The bound that a later run is to read from; None where there is no time yet."""
    found = [(one.highest(database), one) for one in columns]
    bounds = [_like(value, _moment(value, column) - overlap, column) for value, column in found if value]
    return _encoded(max(bounds)) if bounds else None


def since(window: Window, column: Column, place: str) -> Condition:
    """Rows from the window's bound on, and those that have no time."""
    sql = f"({column.name} >= {place} OR {column.name} IS NULL)"
    return Condition(sql, (_decoded(window.since),))


def in_words(bound: str) -> str:
    """For the operator."""
    return str(_decoded(bound))


Page = tuple[list[dict[str, Any]], Callable[[Any], str]]


def pages(
    database: Database,
    selection: Selection,
    after: str,
    window: Window | None = None,
    changed: Condition | None = None,
) -> Iterator[Page]:
    """Rows behind a position, each page with what makes a position of a key: all; or those that ``changed``,
    and behind them those that are to be tried again."""
    start = key_from(after)
    if window is None or changed is None:
        for page in database.pages(selection, start):
            yield page, key_text
        return
    if not isinstance(start, list):
        narrowed = replace(selection, condition=changed.sql, parameters=changed.parameters)
        for page in database.pages(narrowed, start):
            yield page, key_text
        start = [0, None]
    chunk, behind = start
    keys = _keys(database, selection, window.again)
    for first in range(chunk, len(keys), CHUNK):
        wanted = keys[first : first + CHUNK]
        places = ", ".join([database.place] * len(wanted))
        # Who changed came before; who changes in between comes with the next run.
        sql = f"{database.quote(selection.key)} IN ({places}) AND NOT {changed.sql}"
        named = replace(selection, condition=sql, parameters=(*wanted, *changed.parameters))
        for page in database.pages(named, behind):
            yield page, partial(_again_text, first)
        behind = None


def count(database: Database, selection: Selection, window: Window, changed: Condition) -> int:
    where = database.literal(selection.where or "1 = 1")
    sql = f"SELECT count(*) FROM {selection.relation} WHERE ({where}) AND {changed.sql}"  # noqa: S608
    return int(database.value(sql, changed.parameters)) + len(window.again)


def _again_text(first: int, key: Any) -> str:
    return json.dumps([first, json.loads(key_text(key))])


def _keys(database: Database, selection: Selection, texts: Sequence[str]) -> list[Any]:
    """Keys as the table has them. What can't be one of its keys is none."""
    if not texts:
        return []
    key = database.quote(selection.key)
    example = database.value(
        f"SELECT {key} FROM {selection.relation} WHERE {key} IS NOT NULL LIMIT 1"  # noqa: S608
    )
    if isinstance(example, int):
        return sorted(
            int(text) for text in texts if text.lstrip("-").isascii() and text.lstrip("-").isdigit()
        )
    return sorted(texts)


def _moment(value: Any, column: Column) -> datetime:
    """With a zone only where the value has one. Raises ``SourceFault``."""
    fault = SourceFault(
        f"the watermark {column.label!r} is no column of times: it wants times, texts in ISO 8601 in UTC, "
        "or seconds or milliseconds since 1970"
    )
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        if value < SMALLEST_SECONDS:
            raise fault
        seconds = float(value) / 1000 if value > LARGEST_SECONDS else float(value)
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, ValueError, OSError):
            return datetime.max.replace(tzinfo=UTC)
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    # Texts of several zones are in no order.
    if found is None or found.utcoffset():
        raise fault
    return found


def _like(example: Any, moment: datetime, column: Column) -> Any:
    """The moment in the shape that the example has, never later than it is."""
    known = _moment(example, column)
    if isinstance(example, int | float | Decimal):
        factor = 1000 if example > LARGEST_SECONDS else 1
        return int(moment.timestamp() * factor)
    if moment.tzinfo is not None and known.tzinfo is None:
        moment = moment.astimezone(column.zone or UTC).replace(tzinfo=None)
    if not isinstance(example, str):
        return moment
    text = moment.replace(tzinfo=None).isoformat(timespec="seconds")
    if len(example) <= TEXT_OF_A_DAY:
        return text[:TEXT_OF_A_DAY]
    return text.replace("T", example[TEXT_OF_A_DAY])


def _is_later(value: Any, now: Any) -> bool:
    if isinstance(value, str):
        return value[:TEXT_OF_A_MOMENT] > str(now)
    if isinstance(value, date) and not isinstance(value, datetime):
        return bool(value > now.date())
    return bool(value > now)


def _encoded(bound: Any) -> str:
    return json.dumps({"time": bound.isoformat()} if isinstance(bound, datetime) else bound)


def _decoded(text: str) -> Any:
    found = json.loads(text)
    return datetime.fromisoformat(found["time"]) if isinstance(found, dict) else found
