"""A verifier that reads the legacy system's database, by the mapping file of ``migrate_users``.

The row is found by its address. Whether the password is right, its own hash tells, or, where that can't be
had, the database itself: ``verify = "SELECT …"`` in the mapping file, with ``:email`` and ``:password``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from migration_tools.lazy.answers import Answer, LegacyFault
from migration_tools.mapping import MappingFile
from migration_tools.records import Refused
from migration_tools.sources.databases import Database
from migration_tools.sources.source import SourceFault
from migration_tools.values import truth_of

logger = logging.getLogger("migration_tools.lazy")

# Not the second colon of a cast.
PARAMETER = re.compile(r"(?<![:\w]):(email|password)\b")


class SqlDatabase:
    """A connection for each question: a sign-in from there comes once in a user's life."""

    gives_whole_records = True

    def __init__(self, dsn: str, mapping: MappingFile, *, timeout: int) -> None:
        """Connects to nothing yet. Raises ``SourceFault``."""
        self._dsn, self._timeout = dsn, timeout
        if mapping.key_column is None or mapping.email_column is None:
            raise SourceFault("the mapping wants key and email, each the name of a column")
        if ("table" in mapping.source) == ("query" in mapping.source):
            raise SourceFault("the mapping wants either table or query")
        self._verification: str | None = mapping.source.get("verify")
        if self._verification is None and not mapping.hash:
            raise SourceFault("the mapping wants hash, or verify = a query that compares the password")
        if self._verification is not None and _names_in(self._verification) != {"email", "password"}:
            raise SourceFault("verify wants a query with :email and :password")
        self._key = mapping.key_column
        self.leaves_hash_to_us = self._verification is None
        self._lookup = _lookup(self._database(), mapping, mapping.email_column)

    def verify(self, email: str, password: str) -> Answer | None:
        database = self._database()
        try:
            row = self._row(database, email)
            if self._verification is None:
                return Answer(row) if row else None
            # Asked about nobody, too: it costs the same, as far as the database lets it.
            is_right = self._is_right(database, email, password)
            return Answer(row) if row and is_right else None
        except SourceFault:  # its message may quote what was asked
            raise LegacyFault("the database failed") from None
        finally:
            database.close()

    def find(self, email: str) -> Answer | None:
        database = self._database()
        try:
            row = self._row(database, email)
            return Answer(row) if row else None
        except SourceFault:
            raise LegacyFault("the database failed") from None
        finally:
            database.close()

    def _database(self) -> Database:
        return Database(self._dsn, timeout=self._timeout)

    def _row(self, database: Database, email: str) -> Mapping[str, Any] | None:
        """The one row with this address. Two of them are nobody: nobody could say whose it is."""
        found = database.rows(self._lookup, (email,)).dicts()
        if len(found) > 1:
            keys = " and ".join(str(row.get(self._key))[:40] for row in found)
            logger.error("records %s have one address: neither can come over", keys)
            return None
        return found[0] if found else None

    def _is_right(self, database: Database, email: str, password: str) -> bool:
        values = {"email": email, "password": password}
        told = database.literal(self._verification or "")
        names = PARAMETER.findall(told)
        rows = database.rows(PARAMETER.sub(database.place, told), [values[name] for name in names]).rows
        if len(rows) != 1 or rows[0][0] is None:
            return False
        try:
            return truth_of(rows[0][0], "verify")
        except Refused:  # a key, or whatever else it selects where the password is right
            return True


def _names_in(query: Any) -> set[str]:
    return set(PARAMETER.findall(query)) if isinstance(query, str) else set()


def _lookup(database: Database, mapping: MappingFile, email: str) -> str:
    relation = (
        database.quote(str(mapping.source["table"]))
        if "table" in mapping.source
        else f"({database.literal(mapping.source['query'])}) AS legacy_rows"
    )
    where = mapping.source.get("where")
    narrowed = f" AND ({database.literal(where)})" if where else ""
    return (
        f"SELECT * FROM {relation} "  # noqa: S608, the operator's own mapping
        f"WHERE lower({database.quote(email)}) = {database.place}{narrowed} LIMIT 2"
    )
