"""Databases of other systems: each kind that answers here, with real tables."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

MYSQL = os.environ.get("TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306/test")


@dataclass
class Legacy:
    """A database of the old system's."""

    dsn: str
    connection: Any

    def run(self, *statements: str) -> None:
        cursor = self.connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        self.connection.commit()

    def insert(self, table: str, **row: Any) -> None:
        """Columns that are not told have their default."""
        sign = "`" if self.dsn.startswith("mysql") else '"'
        place = "?" if self.dsn.startswith("sqlite") else "%s"
        columns = ", ".join(f"{sign}{name}{sign}" for name in row)
        places = ", ".join([place] * len(row))
        sql = f"INSERT INTO {sign}{table}{sign} ({columns}) VALUES ({places})"  # noqa: S608
        self.connection.cursor().execute(sql, tuple(row.values()))
        self.connection.commit()

    def quoted(self, statement: str) -> str:
        """A statement with standard quotes, in the words of this database."""
        return statement.replace('"', "`") if self.dsn.startswith("mysql") else statement

    def fill(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        place = "?" if self.dsn.startswith("sqlite") else "%s"
        places = ", ".join([place] * len(rows[0]))
        self.connection.cursor().executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608
        self.connection.commit()


@contextlib.contextmanager
def sqlite_database(tmp_path: Path) -> Iterator[Legacy]:
    path = tmp_path / "legacy.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        yield Legacy(f"sqlite:///{path}", connection)


@contextlib.contextmanager
def postgresql_database(tmp_path: Path) -> Iterator[Legacy]:
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        pytest.skip("DATABASE_URL is no PostgreSQL")
    server, _, _ = url.rpartition("/")
    name = f"legacy_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            with psycopg.connect(f"{server}/{name}") as connection:
                yield Legacy(f"{server}/{name}", connection)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def mysql_database(tmp_path: Path) -> Iterator[Legacy]:
    name = f"legacy_{uuid.uuid4().hex[:12]}"
    server, _, _ = MYSQL.rpartition("/")
    host = server.rpartition("@")[2]
    try:
        admin = pymysql.connect(
            host=host.partition(":")[0], port=int(host.partition(":")[2] or 3306), user="root"
        )
    except pymysql.MySQLError as problem:
        pytest.skip(f"no MySQL answers: {type(problem).__name__}")
    with contextlib.closing(admin):
        admin.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            connection = pymysql.connect(
                host=admin.host, port=admin.port, user="root", database=name, charset="utf8mb4"
            )
            with contextlib.closing(connection):  # an open transaction would keep DROP waiting
                yield Legacy(f"{server}/{name}", connection)
        finally:
            admin.cursor().execute(f"DROP DATABASE {name}")


KINDS = {"sqlite": sqlite_database, "postgresql": postgresql_database, "mysql": mysql_database}
