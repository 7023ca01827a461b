"""The tables of a Better Auth server's plugins, which a server without the plugin has not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from migration_tools.sources.databases import Database

OWNER = "userId"
Row = Mapping[str, Any]


class TableOfUsers:
    """Rows that belong to users by ``userId``.

    ``table_of``: what the table is called there, or None where it is not; ``names_of``: the same of its
    columns, of which ``wanted`` must be there.
    """

    def __init__(
        self,
        database: Database,
        table_of: Callable[[str], str | None],
        names_of: Callable[[str, Sequence[str]], dict[str, str]],
        *,
        table: str,
        wanted: Sequence[str],
    ) -> None:
        self._database = database
        self._table = table_of(table)
        self._names = names_of(table, wanted) if self._table else {}

    def rows_of(self, user_keys: Sequence[Any]) -> dict[Any, list[Row]]:
        """By the user's key, their rows, under the names that the columns have in the protocol."""
        if self._table is None:
            return {}
        columns = {name: one for name, one in self._names.items() if name != OWNER}
        found = self._database.related(
            self._table, self._names[OWNER], user_keys, names=list(columns.values())
        )
        return {
            key: [{name: row[one] for name, one in columns.items()} for row in rows]
            for key, rows in found.items()
        }
