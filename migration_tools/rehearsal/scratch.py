"""A database for one rehearsal: like the real one, beside it, and gone at the end whatever happens."""

from __future__ import annotations

import copy
import os
import secrets
import signal
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from django.db import Error, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from better_auth.models import Account
from migration_tools import leases

PREFIX = "rehearsal_"
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
DATABASES_LEFT = (
    "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database WHERE starts_with(datname, %s)"
)
SCHEMAS_LEFT = (
    "SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE starts_with(nspname, %s)"
)


class ScratchFault(Exception):
    """There can be no scratch database; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """``difference``: what its settings have instead of the real one's; ``connection``: our own."""

    difference: Mapping[str, Any]
    connection: BaseDatabaseWrapper

    def rows(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())


def real_alias() -> str:
    """The alias of the database that users would really go into."""
    return str(router.db_for_write(Account))


def real_connection() -> BaseDatabaseWrapper:
    """A connection of its own to the real database, without a pool."""
    return _wrapper(_plain(connections[real_alias()].settings_dict))


@contextmanager
def scratch_database(dsn: str | None, workspace: Path) -> Iterator[Scratch]:
    """``dsn``: an empty database to use instead of a new one beside the real one. Raises ``ScratchFault``."""
    vendor = connections[real_alias()].vendor
    if vendor not in ("postgresql", "sqlite"):
        raise ScratchFault(f"users can't be brought into a database of {vendor}")
    if dsn and not dsn.startswith(("postgres", "sqlite")[vendor == "sqlite"]):
        raise ScratchFault(f"--scratch: the real database is one of {vendor}, so this one must be, too")
    if vendor == "sqlite":
        made = _file(_path(dsn) if dsn else workspace / "scratch.sqlite3")
    else:
        made = _schema(dsn) if dsn else _database()
    with made as settings, closing(_wrapper(settings)) as connection:
        real = _plain(connections[real_alias()].settings_dict)
        difference = {name: value for name, value in settings.items() if value != real.get(name)}
        yield Scratch(difference, connection)


def remove_what_the_dead_left(admin: BaseDatabaseWrapper, left: str, drop: str) -> None:
    """A rehearsal that was killed could not clean up: databases and schemas say whose they are."""
    with admin.cursor() as cursor:
        cursor.execute(left, (PREFIX,))
        for name, holder in cursor.fetchall():
            if holder and leases.is_dead(holder):
                with suppress(Error):
                    cursor.execute(drop.format(admin.ops.quote_name(name)))


@contextmanager
def undisturbed() -> Iterator[None]:
    """An impatient second Ctrl-C does not end the cleaning up."""
    former = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError):  # not in the main thread, which gets no signals
            former[number] = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    plain = copy.deepcopy(dict(settings))
    plain["OPTIONS"].pop("pool", None)
    return plain


def _wrapper(settings: Mapping[str, Any]) -> BaseDatabaseWrapper:
    kind = type(connections[real_alias()])
    return kind(copy.deepcopy(dict(settings)), "rehearsal")


@contextmanager
def _file(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        raise ScratchFault(f"--scratch: {path} is there already; name a file that is not")
    settings = _plain(connections[real_alias()].settings_dict) | {"NAME": str(path)}
    try:
        path.touch(mode=0o600)
    except OSError as problem:
        raise ScratchFault(f"--scratch: {path}: {problem.strerror}") from None
    try:
        yield settings
    finally:
        with undisturbed():
            for ending in ("", "-wal", "-shm", "-journal"):
                path.with_name(path.name + ending).unlink(missing_ok=True)


def _path(dsn: str) -> Path:
    return Path(unquote(dsn.removeprefix("sqlite://").removeprefix("/"))).resolve()


@contextmanager
def _database() -> Iterator[dict[str, Any]]:
    """A new one on the real one's server."""
    real = _plain(connections[real_alias()].settings_dict)
    name = PREFIX + secrets.token_hex(6)
    with _beside(real) as admin:
        remove_what_the_dead_left(admin, DATABASES_LEFT, "DROP DATABASE {} WITH (FORCE)")
        quoted = admin.ops.quote_name(name)
        try:
            _make(admin, f"CREATE DATABASE {quoted}", f"COMMENT ON DATABASE {quoted} IS %s")
            yield real | {"NAME": name}
        finally:
            _drop(admin, f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)", name)


@contextmanager
def _schema(dsn: str) -> Iterator[dict[str, Any]]:
    """A new one in a database that is there, and must hold nothing else."""
    settings = _settings_from(dsn)
    name = PREFIX + secrets.token_hex(6)
    with closing(_wrapper(settings)) as admin:
        try:
            remove_what_the_dead_left(admin, SCHEMAS_LEFT, "DROP SCHEMA {} CASCADE")
            _ensure_empty(admin)
        except Error as problem:
            raise ScratchFault(f"--scratch: {_first_line(problem)}") from None
        quoted = admin.ops.quote_name(name)
        options = {**settings["OPTIONS"], "options": f"-c search_path={name},public"}
        try:
            _make(admin, f"CREATE SCHEMA {quoted}", f"COMMENT ON SCHEMA {quoted} IS %s")
            yield settings | {"OPTIONS": options}
        finally:
            _drop(admin, f"DROP SCHEMA IF EXISTS {quoted} CASCADE", name)


def _settings_from(dsn: str) -> dict[str, Any]:
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise ScratchFault("--scratch wants the package psycopg") from None
    try:
        told = conninfo_to_dict(dsn)
    except ProgrammingError:
        raise ScratchFault("--scratch can't be read: postgresql://user:password@host:port/name") from None
    names = {"NAME": "dbname", "HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
    parts = {ours: str(told.pop(theirs, None) or "") for ours, theirs in names.items()}
    if not parts["NAME"]:
        raise ScratchFault("--scratch names no database: postgresql://user:password@host:port/name")
    return _plain(connections[real_alias()].settings_dict) | parts | {"OPTIONS": dict(told)}


def _ensure_empty(admin: BaseDatabaseWrapper) -> None:
    with admin.cursor() as cursor:
        cursor.execute(TABLES)
        (count,) = cursor.fetchone()
    if count:
        raise ScratchFault(
            f"--scratch: {admin.settings_dict['NAME']} holds {count} tables; "
            "name a database that is empty, so that nothing of anybody's can be mistaken for the rehearsal's"
        )


def _make(admin: BaseDatabaseWrapper, create: str, comment: str) -> None:
    try:
        with admin.cursor() as cursor:
            cursor.execute(create)
            cursor.execute(comment, (leases.holder_name(os.getpid()),))
    except Error as problem:
        raise ScratchFault(
            f"no scratch database can be made ({_first_line(problem)}): let the role make one "
            "(ALTER ROLE … CREATEDB), or name an empty database with --scratch"
        ) from None


@contextmanager
def _beside(real: Mapping[str, Any]) -> Iterator[BaseDatabaseWrapper]:
    """A connection to the server that is none to the real database, where there is another one."""
    with closing(_wrapper({**real, "NAME": "postgres"})) as admin:
        try:
            admin.ensure_connection()
        except Error:
            admin.settings_dict["NAME"] = real["NAME"]
        yield admin


def _drop(admin: BaseDatabaseWrapper, statement: str, name: str) -> None:
    """With a second try: the connection may have broken meanwhile."""
    with undisturbed():
        for is_last in (False, True):
            try:
                with admin.cursor() as cursor:
                    cursor.execute(statement)
                return
            except Error as problem:
                admin.close()
                if is_last:
                    told = f"{name} could not be removed ({_first_line(problem)}): {statement}"
                    raise ScratchFault(told) from None


def _first_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:200]
