"""A project made by ``startproject``, with our wheel, changed as docs/add-to-your-project.md says."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.conformance.run_conformance import (
    DEFAULT_SUITE,
    GRANIAN_FLAGS,
    Server,
    Suite,
    Tally,
    child,
    install_libraries,
)

CHECKOUT = Path(__file__).resolve().parents[2]
GUIDE = CHECKOUT / "docs/add-to-your-project.md"
FOREIGN = ("BETTER_AUTH_", "GRANIAN_", "COVERAGE_", "PYTEST_", "DJANGO_", "DATABASE_URL", "REDIS_URL")
START_TIMEOUT = 120.0

# Beside what the guide says: what the suite's README assumes of a server.
FOR_THE_SUITE = """
BETTER_AUTH["FEATURES"] = ["admin", "anonymous", "bearer", "organization", "two_factor", "username"]
BETTER_AUTH["USER"] = {"CHANGE_EMAIL": True, "DELETE_USER": True}
BETTER_AUTH["PASSWORD"] = {"REFUSE_COMMON": False}
BETTER_AUTH["RATE_LIMIT"] = {"ENABLED": False}
del BETTER_AUTH["TRUSTED_ORIGINS"]
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = BASE_DIR / "mails"
"""


def from_the_guide(title: str) -> str:
    """The Python block of the guide that begins with this comment."""
    return block_of(GUIDE, title)


def block_of(document: Path, title: str) -> str:
    block = re.search(rf"```python\n# {re.escape(title)}\n(.*?)```", document.read_text(), re.DOTALL)
    assert block, f"{document.name} has no block {title!r}"
    return block[1]


@dataclass(frozen=True)
class Database:
    """``url`` is empty for the SQLite file that ``startproject`` chooses."""

    url: str
    file: Path

    @property
    def settings(self) -> str:
        if not self.url:
            return from_the_guide("settings.py, on SQLite")
        parts = urlsplit(self.url)
        options = {
            "USER": parts.username,
            "PASSWORD": parts.password,
            "HOST": parts.hostname,
            "PORT": parts.port,
        }
        given = {key: str(value) for key, value in options.items() if value}
        default = {"ENGINE": "django.db.backends.postgresql", "NAME": parts.path[1:], **given}
        return f"DATABASES = {{'default': {default}}}"

    def dump(self, *tables: str) -> dict[str, str]:
        """Structure and rows of these tables, or of all, as the database itself writes them."""
        if self.url:
            return self._dump_postgresql(tables)
        with contextlib.closing(sqlite3.connect(self.file)) as connection:
            named = connection.execute("SELECT tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
            found: dict[str, list[str]] = {}
            for table, sql in named:
                if (not tables or table in tables) and not table.startswith("sqlite_"):
                    found.setdefault(table, []).append(str(sql))
            for table, lines in found.items():
                lines += [repr(row) for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY 1')]  # noqa: S608
        return {table: "\n".join(lines) for table, lines in found.items()}

    def _dump_postgresql(self, tables: tuple[str, ...]) -> dict[str, str]:
        import psycopg
        from psycopg import sql

        structure = (
            "SELECT column_name, data_type, character_maximum_length, is_nullable, column_default::text"
            " FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s ORDER BY 1"
        )
        indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = %s ORDER BY 1"
        found = {}
        with psycopg.connect(self.url) as connection:
            every = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
            )
            for (table,) in every.fetchall():
                if tables and table not in tables:
                    continue
                lines = [repr(row) for row in connection.execute(structure, [table])]
                lines += [repr(row) for row in connection.execute(indexes, [table])]
                rows = sql.SQL("SELECT * FROM {} ORDER BY 1").format(sql.Identifier(table))
                lines += [repr(row) for row in connection.execute(rows)]
                found[table] = "\n".join(lines)
        return found


@dataclass(frozen=True)
class Project:
    """``packages``: where the wheel is installed; everything else comes from the running environment."""

    folder: Path
    packages: Path
    database: Database
    port: int

    @classmethod
    def start(cls, folder: Path, *, packages: Path, database_url: str, port: int) -> Project:
        """``startproject``, and a database."""
        folder.mkdir()
        project = cls(folder, packages, Database(database_url, folder / "db.sqlite3"), port)
        project.run("-m", "django", "startproject", "mysite", ".")
        project.add("settings.py", project.database.settings)
        (folder / "mails").mkdir()
        return project

    @property
    def environ(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        path = [str(self.packages), *filter(None, [own.get("PYTHONPATH")])]
        return {
            **own,
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONUNBUFFERED": "1",
            "BETTER_AUTH_SECRET": "kT7fQ2mZ9xWc4VbN8rLp1HsD6gYj3EaU",
            "BETTER_AUTH_URL": self.url,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, name: str, text: str) -> None:
        with (self.folder / "mysite" / name).open("a") as file:
            file.write(f"\n{text}\n")

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=self.environ, capture_output=True, text=True
        )
        assert done.returncode == code, f"{' '.join(arguments)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout

    def manage(self, *arguments: str, code: int = 0) -> str:
        return self.run("manage.py", *arguments, code=code)

    def add_better_auth(self) -> None:
        """Steps 2 and 3 of the guide."""
        self.add("settings.py", from_the_guide("settings.py") + FOR_THE_SUITE)
        self.add("urls.py", from_the_guide("urls.py"))
        where = self.run("-c", "import better_auth; print(better_auth.__file__)").strip()
        assert Path(where).is_relative_to(self.packages), f"the tests must run the wheel, not {where}"

    @contextlib.contextmanager
    def serve(self) -> Iterator[Server]:
        log = self.folder / f"server-{secrets.token_hex(3)}.log"
        command = [sys.executable, "-m", "granian", *GRANIAN_FLAGS.split(), "--port", str(self.port)]
        command.append("mysite.asgi:application")
        with (
            log.open("w") as output,
            child(
                command, cwd=self.folder, stdout=output, stderr=subprocess.STDOUT, env=self.environ
            ) as process,
        ):
            wait_for(f"{self.url}/api/auth/ok", process, log)
            yield Server(self.url, self.folder / "mails")

    def judge(self, *, only: str, cases: Path | None = None) -> Tally:
        """Cases of the official client against a running server of this project."""
        install_libraries(DEFAULT_SUITE)
        with self.serve() as server:
            return Suite(DEFAULT_SUITE, (only,), cases).judge(server, rate_limit=False)


def wait_for(url: str, process: subprocess.Popen[str], log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with direct.open(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer at {url}\n{log.read_text()[-4000:]}")
