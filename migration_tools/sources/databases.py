"""Reading other databases: PostgreSQL, MySQL or MariaDB, SQLite, by DSN or by an alias of ``DATABASES``.

Read only, in pages by key, so that neither side holds a table in memory or a transaction for long. A
connection that breaks is made anew, and reading goes on behind the last row.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from django.db import Error as DjangoError
from django.db import connections
from django.utils.connection import ConnectionDoesNotExist

from better_auth.conf.loading import nearest
from migration_tools.sources.source import SourceFault

PAGE = 2000
# Seconds to wait before each further try to reach a database that has gone away.
PAUSES = (0.5, 1, 2, 4, 8)
CONNECT_SECONDS = 15
NAME = re.compile(r"[^\0]{1,128}")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rows:
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]

    def dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Selection:
    """``relation``: a table, quoted, or a query in parentheses; ``columns``: SQL by the name it comes under;
    ``where``: the operator's; ``condition``: ours, with places for ``parameters``."""

    relation: str
    key: str
    columns: dict[str, str] | None = None
    where: str | None = None
    condition: str | None = None
    parameters: tuple[Any, ...] = ()


class Database:
    """A connection that is opened when it is needed, and again when it broke. ``address``: which database it
    is, without who asks.

    ``timeout``: seconds for connecting and for each statement, for somebody who waits; then nothing is tried
    a second time.
    """

    def __init__(self, dsn: str, *, timeout: int | None = None) -> None:
        self._connect, self.vendor, self.errors = _driver(dsn, timeout)
        self._is_hasty = timeout is not None
        self.address = _address(dsn)
        self._connection: Any = None

    @property
    def place(self) -> str:
        """The sign for a parameter."""
        return "?" if self.vendor == "sqlite" else "%s"

    def quote(self, name: str) -> str:
        """A name, or ``schema.table``."""
        if not NAME.fullmatch(name):
            raise SourceFault(f"{name!r} is no name of a table or column")
        sign = "`" if self.vendor == "mysql" else '"'
        return ".".join(f"{sign}{part.replace(sign, sign * 2)}{sign}" for part in name.split("."))

    def literal(self, sql: str) -> str:
        """SQL of the operator's, safe beside parameters."""
        return sql if self.vendor == "sqlite" else sql.replace("%", "%%")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """All rows. Tries again while the database is away; then, or for SQL that is wrong,
        ``SourceFault``."""
        return self._patiently(lambda: self._rows(sql, parameters))

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        found = self.rows(sql, parameters).rows
        return found[0][0] if found else None

    def columns_of(self, relation: str) -> list[str]:
        return list(self.rows(f"SELECT * FROM {relation} WHERE 1 = 0").columns)  # noqa: S608

    def has_table(self, name: str) -> bool:
        if self.vendor == "postgresql":
            return self.value("SELECT to_regclass(%s) IS NOT NULL", (self.quote(name),)) is True
        catalogue = (
            "SELECT count(*) FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?"
            if self.vendor == "sqlite"
            else "SELECT count(*) FROM information_schema.tables "
            "WHERE table_schema = database() AND table_name = %s"
        )
        return bool(self.value(catalogue, (name,)))

    def related(
        self,
        table: str,
        column: str,
        keys: Sequence[Any],
        *,
        names: Sequence[str],
        among: tuple[str, Sequence[str]] | None = None,
    ) -> dict[Any, list[Any]]:
        """Rows of another table, as dictionaries of these columns, by what they have in ``column``; only
        those that have one ``among`` the values in a further column, if one is told."""
        if not keys:
            return {}
        chosen = ", ".join(self.quote(name) for name in (column, *names))
        places = ", ".join([self.place] * len(keys))
        narrowed, values = "", tuple(keys)
        if among is not None:
            narrowed = f"AND {self.quote(among[0])} IN ({', '.join([self.place] * len(among[1]))}) "
            values = (*keys, *among[1])
        sql = (
            f"SELECT {chosen} FROM {self.quote(table)} WHERE {self.quote(column)} IN ({places}) {narrowed}"  # noqa: S608
            f"ORDER BY {self.quote(column)}, {self.quote(names[0])}"
        )
        found: dict[Any, list[Any]] = {}
        for key, *cells in self.rows(sql, values).rows:
            found.setdefault(key, []).append(dict(zip(names, cells, strict=True)))
        return found

    def pages(self, selection: Selection, after: Any = None) -> Iterator[list[dict[str, Any]]]:
        """Rows in the order of their key, in pages of about ``PAGE``; none twice, and none left out."""
        while True:
            found = self._page(selection, after)
            rows = found.dicts()
            if not rows:
                return
            if len(rows) == PAGE:  # the next page begins behind a key, so all rows of one key go together
                last = rows[-1]["__key"]
                whole = [row for row in rows if row["__key"] != last]
                if not whole:
                    raise SourceFault(
                        f"more than {PAGE} rows have the key {str(last)[:40]!r}: name another key"
                    )
                rows = whole
            after = rows[-1]["__key"]
            yield rows

    def close(self) -> None:
        if self._connection is not None:
            with suppress(*self.errors):
                self._connection.close()
            self._connection = None

    def _page(self, selection: Selection, after: Any) -> Rows:
        key = self.quote(selection.key)
        columns = "*"
        if selection.columns is not None:
            columns = ", ".join(f"{sql} AS {self.quote(name)}" for name, sql in selection.columns.items())
        conditions = [f"({self.literal(selection.where)})"] if selection.where else []
        if selection.condition:
            conditions.append(f"({selection.condition})")
        conditions.append(f"{key} IS NOT NULL" if after is None else f"{key} > {self.place}")
        sql = (
            f"SELECT {columns}, {key} AS {self.quote('__key')} FROM {selection.relation} "  # noqa: S608
            f"WHERE {' AND '.join(conditions)} ORDER BY {key} LIMIT {PAGE}"
        )
        return self.rows(sql, (*selection.parameters, *(() if after is None else (after,))))

    def _rows(self, sql: str, parameters: Sequence[Any]) -> Rows:
        if self._connection is None:
            self._connection = self._connect()
        with closing(self._connection.cursor()) as cursor:
            # Without parameters drivers take % as it stands; ours is doubled, so there always are some.
            cursor.execute(sql, tuple(parameters))
            return Rows(tuple(column[0] for column in cursor.description), cursor.fetchall())

    def _patiently(self, ask: Callable[[], T]) -> T:
        for pause in (None,) if self._is_hasty else (*PAUSES, None):
            try:
                return ask()
            except self.errors as problem:
                self.close()
                if pause is None or not _is_absence(problem):
                    raise SourceFault(_message(problem)) from None
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")


def key_text(key: Any) -> str:
    """A key as a position; ``key_from`` gives it back as a parameter."""
    return json.dumps(key if isinstance(key, int | str) else str(key))


def key_from(position: str) -> Any:
    return json.loads(position) if position else None


def _driver(dsn: str, timeout: int | None) -> tuple[Callable[[], Any], str, tuple[type[Exception], ...]]:
    scheme = dsn.partition(":")[0].lower() if "://" in dsn else ""
    if scheme in ("postgres", "postgresql"):
        return _postgresql(dsn, timeout)
    if scheme in ("mysql", "mariadb"):
        return _mysql(dsn, timeout)
    if scheme == "sqlite":
        return _sqlite(dsn, timeout)
    if scheme:
        known = ["postgresql", "mysql", "mariadb", "sqlite"]
        raise SourceFault(
            f"--dsn: no database is called {scheme!r}{nearest(scheme, known)}; {', '.join(known)}"
        )
    return _alias(dsn)


def _address(dsn: str) -> str:
    if "://" not in dsn:
        settings = connections[dsn].settings_dict
        return f"{settings.get('HOST') or ''}:{settings.get('PORT') or ''}/{settings['NAME']}"
    parts = urlsplit(dsn)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def _postgresql(dsn: str, timeout: int | None) -> tuple[Callable[[], Any], str, tuple[type[Exception], ...]]:
    try:
        import psycopg
    except ImportError:
        raise SourceFault("reading PostgreSQL wants the package psycopg (psycopg[binary])") from None
    _ensure_readable(lambda: _ports_in(psycopg.conninfo.conninfo_to_dict(dsn)), psycopg.Error, ValueError)
    limits: dict[str, Any] = {"connect_timeout": timeout or CONNECT_SECONDS}
    if timeout:
        limits |= {"tcp_user_timeout": timeout * 1000, "keepalives_idle": timeout, "keepalives_interval": 1}

    def connect() -> Any:
        connection = psycopg.connect(dsn, autocommit=True, **limits)
        _read_infinity(connection)
        connection.execute("SET default_transaction_read_only = on")
        if timeout:
            connection.execute("SELECT set_config('statement_timeout', %s, false)", (f"{timeout}s",))
        connection.execute("SET TIME ZONE 'UTC'")
        return connection

    return connect, "postgresql", (psycopg.Error, OSError)


def _read_infinity(connection: Any) -> None:
    """A time without an end is the last one of the calendar, and one without a beginning the first."""
    from psycopg.types.datetime import TimestamptzLoader

    ends = {b"infinity": datetime.max, b"-infinity": datetime.min}

    class Loader(TimestamptzLoader):
        def load(self, data: Any) -> datetime:
            end = ends.get(bytes(data))
            return super().load(data) if end is None else end.replace(tzinfo=UTC)

    connection.adapters.register_loader("timestamptz", Loader)


def _ensure_readable(read: Callable[[], object], *faults: type[Exception]) -> None:
    """What drivers say of a URL that they can't read quotes pieces of it, and those may be the password."""
    try:
        read()
    except faults:
        raise SourceFault(
            "--dsn: the URL can't be read: write special characters of the password as %XX, @ as %40"
        ) from None


def _ports_in(parts: Mapping[str, Any]) -> list[int]:
    """Raises ``ValueError`` where a misread URL has something else there."""
    return [int(one) for one in str(parts.get("port") or "5432").split(",") if one]


def _mysql(dsn: str, timeout: int | None) -> tuple[Callable[[], Any], str, tuple[type[Exception], ...]]:
    try:
        import pymysql
        from pymysql.constants import FIELD_TYPE
        from pymysql.converters import conversions
    except ImportError:
        raise SourceFault("reading MySQL wants the package PyMySQL (django-better-auth[mysql])") from None
    _ensure_readable(lambda: urlsplit(dsn).port, ValueError)
    parts = urlsplit(dsn)
    # Zero dates are no dates of Python's: times come as they are written, and mappings state their zone.
    as_text = {FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP, FIELD_TYPE.DATE}
    read = {kind: one for kind, one in conversions.items() if kind not in as_text}

    def connect() -> Any:
        return pymysql.connect(
            host=parts.hostname or "localhost",
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=unquote(parts.path.lstrip("/")),
            charset="utf8mb4",
            conv=read,
            connect_timeout=timeout or CONNECT_SECONDS,
            read_timeout=timeout,
            write_timeout=timeout,
            autocommit=True,
            init_command="SET SESSION TRANSACTION READ ONLY",
            unix_socket=dict(parse_qsl(parts.query)).get("unix_socket"),
        )

    return connect, "mysql", (pymysql.MySQLError, OSError)


def _sqlite(dsn: str, timeout: int | None) -> tuple[Callable[[], Any], str, tuple[type[Exception], ...]]:
    path = Path(unquote(dsn.removeprefix("sqlite://").removeprefix("/")))

    def connect() -> Any:
        if not path.is_file():
            raise SourceFault(
                f"--dsn: there is no file {path} (three slashes for a relative path, four for /…)"
            )
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=timeout or 20)

    return connect, "sqlite", (sqlite3.Error,)


def _alias(name: str) -> tuple[Callable[[], Any], str, tuple[type[Exception], ...]]:
    """A database that Django knows; over a connection of its own, because the default one has a
    transaction."""
    try:
        vendor = connections[name].vendor
    except ConnectionDoesNotExist:
        known = list(connections)
        shown = f"{name!r} is" if name.isidentifier() else "that is"  # it may hold a password
        raise SourceFault(
            f"--dsn: {shown} neither a URL nor an alias of DATABASES{nearest(name, known)}; "
            f"aliases: {', '.join(known)}"
        ) from None
    if vendor not in ("postgresql", "mysql", "sqlite"):
        raise SourceFault(f"--dsn: a database of {vendor} can't be read here; export it as CSV")

    def connect() -> Any:
        wrapper = connections.create_connection(name)
        wrapper.connect()
        return wrapper.connection

    return connect, vendor, (DjangoError, *_errors_of(name))


def _errors_of(alias: str) -> tuple[type[Exception], ...]:
    database: Any = connections[alias]
    return (database.Database.Error, OSError)


def _is_absence(problem: Exception) -> bool:
    """The database is away or busy, rather than the statement wrong. Drivers have no common word for it."""
    kind = type(problem).__name__
    if isinstance(problem, sqlite3.OperationalError):
        return "locked" in str(problem) or "busy" in str(problem)
    code = problem.args[0] if problem.args and isinstance(problem.args[0], int) else None
    if code is not None and type(problem).__module__.startswith("pymysql"):
        return code in (1040, 1053, 1205, 2002, 2003, 2006, 2013, 2014)
    return isinstance(problem, OSError) or kind in (
        "OperationalError",
        "InterfaceError",
        "AdminShutdown",
        "CrashShutdown",
        "CannotConnectNow",
        "ConnectionTimeout",
        "IdleInTransactionSessionTimeout",
    )


def _message(problem: Exception) -> str:
    """One line; drivers repeat the statement, but no row."""
    text = " ".join(str(part) for part in problem.args) or type(problem).__name__
    return f"the source's database: {text.strip().splitlines()[0][:300]}"
