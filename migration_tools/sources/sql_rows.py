"""``sql``: any table or query of another database, with a mapping file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from better_auth.conf.loading import nearest
from migration_tools.records import LegacyUser, Read, Refused
from migration_tools.sources import watermarks
from migration_tools.sources.databases import Database, Selection
from migration_tools.sources.source import Share, Source, SourceFault, Told


class SqlRows(Source):
    default_name = "sql"
    has_watermark = True

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        mapping = told.mapping
        if mapping is None:
            raise SourceFault("this source wants --mapping FILE: which table, and which column is what")
        if ("table" in mapping.source) == ("query" in mapping.source):
            raise SourceFault("the mapping wants either table or query")
        self.database = Database(self.ensure_dsn())
        self.name = str(mapping.source.get("table", "query"))
        self.relation = (
            self.database.quote(self.name)
            if "table" in mapping.source
            else f"({self.database.literal(mapping.source['query'])}) AS legacy_rows"
        )
        self.conditions = [one for one in (mapping.source.get("where"), told.where) if one]
        self.key = self._key()
        self._watermark = self._watermark_column()

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        if not after:
            yield from self._without_key()
        selection = Selection(self.relation, self.key, where=self._where())
        for page, position in watermarks.pages(self.database, selection, after, self.window, self._changed()):
            for row in page:
                key = row.pop("__key")
                yield self._read_row(row, f"{self.name} {key}", position(key), str(key))

    def total(self) -> int:
        changed = self._changed()
        if self.window and changed:
            selection = Selection(self.relation, self.key, where=self._where())
            return watermarks.count(self.database, selection, self.window, changed)
        condition = f" WHERE {self.database.literal(self._where() or '1 = 1')}"
        return int(self.database.value(f"SELECT count(*) FROM {self.relation}{condition}"))  # noqa: S608

    def identity(self) -> Mapping[str, Any]:
        return {
            "database": self.database.address,
            "relation": self.name,
            "key": self.key,
            "where": self._where() or "",
        }

    def reached(self, overlap: timedelta) -> str | None:
        columns = [self._watermark] if self._watermark else []
        return watermarks.reached(self.database, columns, overlap)

    def id_at(self, place: str) -> str | None:
        is_one = place.startswith(f"{self.name} ") and not place.startswith(self._without)
        return place.removeprefix(f"{self.name} ") if is_one else None

    def close(self) -> None:
        self.database.close()

    def user_from(self, row: Mapping[str, Any]) -> LegacyUser:
        mapping = self.told.mapping
        if mapping is None:
            raise AssertionError("ensured at the start")
        return mapping.user_from(row)

    @property
    def _without(self) -> str:
        return f"{self.name} without {self.key} "

    def _changed(self) -> watermarks.Condition | None:
        if self.window is None or self._watermark is None:
            return None
        return watermarks.since(self.window, self._watermark, self.database.place)

    def _watermark_column(self) -> watermarks.Column | None:
        return watermarks.column_of(self.database, self.relation, self.told, self.name, where=self._where())

    def _where(self) -> str | None:
        return " AND ".join(f"({one})" for one in self.conditions) or None

    def _key(self) -> str:
        """The column that orders the rows, which is the one of the id."""
        mapping = self.told.mapping
        if mapping is None or not mapping.key_column:
            raise SourceFault("the mapping wants key = the column of the user's id")
        there = self.database.columns_of(self.relation)
        for column in sorted(mapping.columns):
            if column not in there and column.split(".")[0] not in there:
                known = ", ".join(there[:20])
                raise SourceFault(
                    f"the mapping names the column {column!r}, "
                    f"{self.name} has none{nearest(column, there)} ({known})"
                )
        return mapping.key_column

    def _without_key(self) -> Iterator[Read]:
        key = self.database.quote(self.key)
        where = f" AND ({self.database.literal(self._where() or '1 = 1')})"
        count = self.database.value(f"SELECT count(*) FROM {self.relation} WHERE {key} IS NULL{where}")  # noqa: S608
        for number in range(int(count)):
            refusal = Refused("missing-id", f"{self.key} is null")
            yield Read(f"{self._without}{number + 1}", "", refusal=refusal)

    def _read_row(self, row: Mapping[str, Any], place: str, position: str, external_id: str) -> Read:
        try:
            return Read(place, position, user=self.user_from(row))
        except Refused as refusal:
            return Read(place, position, refusal=refusal, external_id=external_id)
