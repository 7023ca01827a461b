"""What sources of a framework's own tables share: finding tables and columns, and reading user by user.

A framework names its tables and columns for everybody, and nearly everybody keeps those names: nothing need
be said. What was renamed the mapping tells, ``tables = { users = "people" }``,
``columns = { "users.email" = "mail" }``.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from better_auth.conf.loading import nearest
from migration_tools.records import LegacyUser, Read, Refused
from migration_tools.sources import watermarks
from migration_tools.sources.databases import Database, Selection
from migration_tools.sources.source import Share, Source, SourceFault, Told
from migration_tools.values import moment_of, text_of

HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
DISABLED = "migrated:disabled"
LOCKED = "migrated:locked"
NOT_BROUGHT = "second-factor-not-brought"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as its framework makes it. ``names``: what it may be called; ``wanted``: columns that it must
    have; ``owner``: the one with the user's key."""

    names: tuple[str, ...]
    wanted: tuple[str, ...]
    optional: tuple[str, ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One that is there: ``columns`` by the names that the framework has for them."""

    name: str
    columns: Mapping[str, str]


class FrameworkTables(Source):
    """``users`` is the table with the key; ``around`` are tables that hang on it, each of which may be
    missing."""

    users: ClassVar[Shape]
    key: ClassVar[str] = "id"
    around: ClassVar[Mapping[str, Shape]] = {}
    has_watermark = True

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        if told.mapping and told.mapping.makes_users:
            raise SourceFault(
                f"--source {self.default_name} knows its columns: tables and columns of the mapping tell "
                "which are called otherwise; a mapping of all fields goes with --source sql"
            )
        self.database = Database(self.ensure_dsn())
        source = told.mapping.source if told.mapping else {}
        self._tables: Mapping[str, str] = source.get("tables", {})
        self._columns: Mapping[str, str] = source.get("columns", {})
        self._ensure_known()
        self._conditions = [one for one in (source.get("where"), told.where) if one]
        self._zone = (told.mapping and told.mapping.zone) or UTC
        found = self._found("users", self.users)
        if found is None:
            names = " or ".join(self.names_of("users", self.users))
            raise SourceFault(
                f"there is no table {names} in that database: "
                "name it in the mapping, tables = { users = … }"
            )
        self._user_table = found
        self._relation = self.database.quote(found.name)
        self._watermark = watermarks.column_of(
            self.database, self._relation, told, found.name, where=self._where()
        )
        self._around = {
            name: table
            for name, shape in self.around.items()
            if (table := self._found(name, shape)) is not None
        }

    @abstractmethod
    def user_from(self, row: Row, around: Mapping[str, Sequence[Row]]) -> LegacyUser:
        """The user that the row tells of, and the rows of other tables that are theirs. Raises
        ``Refused``."""

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        selection, changed = self._selection(), self._changed()
        for page, position_of in watermarks.pages(self.database, selection, after, self.window, changed):
            around = self._rows_around([row["__key"] for row in page])
            for row in page:
                key = row["__key"]
                place, position = f"{self._user_table.name} {key}", position_of(key)
                try:
                    yield Read(place, position, user=self._whole_user(row, around.get(key, {})))
                except Refused as refusal:
                    yield Read(place, position, refusal=refusal, external_id=str(key))

    def total(self) -> int:
        changed = self._changed()
        if self.window and changed:
            return watermarks.count(self.database, self._selection(), self.window, changed)
        condition = self.database.literal(self._where() or "1 = 1")
        sql = f"SELECT count(*) FROM {self._relation} WHERE {condition}"  # noqa: S608
        return int(self.database.value(sql))

    def reached(self, overlap: timedelta) -> str | None:
        columns = [self._watermark] if self._watermark else []
        return watermarks.reached(self.database, columns, overlap)

    def id_at(self, place: str) -> str | None:
        start = f"{self._user_table.name} "
        return place.removeprefix(start) if place.startswith(start) else None

    def identity(self) -> Mapping[str, Any]:
        return {
            "database": self.database.address,
            "relation": self._user_table.name,
            "where": self._where() or "",
        }

    def close(self) -> None:
        self.database.close()

    def names_of(self, name: str, shape: Shape) -> Sequence[str]:
        """What the table may be called in this database."""
        return shape.names

    def wanted_of(self, name: str) -> tuple[str, Sequence[str]] | None:
        """Of a table that holds much else: a column, and the values in it that are read."""
        return None

    def has(self, column: str) -> bool:
        """Whether the users have such a column."""
        return column in self._user_table.columns

    def moment(self, row: Row, column: str) -> datetime | None:
        """A time, which without a zone of its own is in the mapping's zone or in UTC."""
        return moment_of(row.get(column), column, self._zone)

    def _whole_user(self, row: Row, around: Mapping[str, Sequence[Row]]) -> LegacyUser:
        told = {name: row[column] for name, column in self._user_table.columns.items()}
        user = self.user_from(told, around)
        mapping = self.told.mapping
        if mapping and mapping.metadata:
            found = {name: rule(row) for name, rule in mapping.metadata.items()}
            user.metadata = {**user.metadata, **{name: one for name, one in found.items() if one is not None}}
        return user

    def _selection(self) -> Selection:
        return Selection(self._relation, self._user_table.columns[self.key], where=self._where())

    def _changed(self) -> watermarks.Condition | None:
        if self.window is None or self._watermark is None:
            return None
        return watermarks.since(self.window, self._watermark, self.database.place)

    def _where(self) -> str | None:
        return " AND ".join(f"({one})" for one in self._conditions) or None

    def _ensure_known(self) -> None:
        """A misspelt name in the mapping would be passed over, and its column with it."""
        shapes = {"users": self.users, **self.around}
        for name in self._tables:
            if name not in shapes:
                raise SourceFault(f"tables: {name!r} is none of this source's{nearest(name, list(shapes))}")
        known = [f"{name}.{one}" for name, shape in shapes.items() for one in _columns_of(shape)]
        for name in self._columns:
            if name not in known:
                raise SourceFault(f"columns: {name!r} is none of this source's{nearest(name, known)}")

    def _found(self, name: str, shape: Shape) -> Table | None:
        """The table, if it is there. Raises ``SourceFault`` where the mapping names one that is not, or a
        column."""
        told = self._tables.get(name)
        names = [told] if told else self.names_of(name, shape)
        there = next((one for one in names if self.database.has_table(one)), None)
        if there is None:
            if told:
                raise SourceFault(f"tables: there is no table {told!r} in that database")
            return None
        columns = self.database.columns_of(self.database.quote(there))
        found = {}
        for one in _columns_of(shape):
            column = self._column(f"{name}.{one}", one, columns)
            if column is not None:
                found[one] = column
            elif one in shape.wanted or one == shape.owner:
                raise SourceFault(
                    f"{there} has no column {one}: name it in the mapping, "
                    f'columns = {{ "{name}.{one}" = … }} (there are: {", ".join(columns[:20])})'
                )
        return Table(there, found)

    def _column(self, path: str, name: str, there: Sequence[str]) -> str | None:
        told = self._columns.get(path)
        if told is not None:
            if told not in there:
                raise SourceFault(
                    f"columns: {path} is to be {told!r}, which is not there{nearest(told, list(there))}"
                )
            return told
        return next((one for one in (name, HUMP.sub("_", name).lower(), name.lower()) if one in there), None)

    def _rows_around(self, keys: Sequence[Any]) -> dict[Any, dict[str, list[dict[str, Any]]]]:
        """By user, and by the name of the table."""
        around: dict[Any, dict[str, list[dict[str, Any]]]] = {}
        for name, table in self._around.items():
            owner = self.around[name].owner
            columns = {one: column for one, column in table.columns.items() if one != owner}
            wanted = self.wanted_of(name)
            found = self.database.related(
                table.name,
                table.columns[owner],
                keys,
                names=list(columns.values()),
                among=(table.columns[wanted[0]], wanted[1]) if wanted else None,
            )
            for key, rows in found.items():
                around.setdefault(key, {})[name] = [
                    {one: row[column] for one, column in columns.items()} for row in rows
                ]
        return around


def _columns_of(shape: Shape) -> list[str]:
    return list(dict.fromkeys([*([shape.owner] if shape.owner else []), *shape.wanted, *shape.optional]))


def filled(row: Row, column: str) -> str | None:
    """Text, or None for nothing: what a table got from a file has ``""`` for NULL."""
    return (text_of(row.get(column), column) or "").strip() or None


def user_name(text: str | None) -> str | None:
    """An address as a user name is none that anybody would be known by."""
    return None if not text or "@" in text else text
