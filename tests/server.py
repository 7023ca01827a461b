"""Real servers for tests: processes of their own over a database, a mail folder and settings of their own.

    with RunningServer(processes=2, interface="asgi", BETTER_AUTH_DELETE_USER="true") as server:
        answer = server.call("GET", "/get-session")

SQLite, or PostgreSQL and Redis where ``DATABASE_URL`` and ``REDIS_URL`` name them. Nothing else of the
caller's environment reaches the server.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.conformance.run_conformance import (
    GRANIAN_FLAGS,
    STOP_TIMEOUT,
    cache_prefix,
    child,
    fresh_database,
    reserved_port,
)

CHECKOUT = Path(__file__).resolve().parents[1]
BASE = "/api/auth"
SESSION_COOKIE = "better-auth.session_token"
PASSWORD = "correct horse battery"

# All that a server gets of the environment of the tests.
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "COVERAGE_PROCESS_CONFIG", "COVERAGE_FILE")
START_TIMEOUT = 120.0
ANSWER_TIMEOUT = 120.0
LOG_LINES_SHOWN = 60
MAIL_SEPARATOR = b"-" * 79

WSGI_FLAGS = GRANIAN_FLAGS.replace("asginl", "wsgi") + " --blocking-threads 4"
PROGRAMS = {
    "asgi": [*GRANIAN_FLAGS.split(), "config.asgi:application"],
    "wsgi": [*WSGI_FLAGS.split(), "config.wsgi:application"],
}
Interface = Literal["asgi", "wsgi"]

# The sites in use, so that a failure can show their logs.
sites_in_use: list[Site] = []


@dataclass(frozen=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def cookies(self) -> dict[str, str]:
        """What ``Set-Cookie`` sets, by name; values as they stand in the header."""
        pairs = (line.partition(";")[0].partition("=") for line in self.headers.get_all("Set-Cookie", []))
        return {name: value for name, _, value in pairs}

    @property
    def session_cookie(self) -> str:
        """As a ``Cookie`` header has it."""
        return f"{SESSION_COOKIE}={self.cookies[SESSION_COOKIE]}"


@dataclass(frozen=True)
class Call:
    """A request to come. ``path`` is below the base path; one that begins with ``//`` is from the root."""

    method: str
    path: str
    body: Any = None
    cookie: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def send(self, connection: http.client.HTTPConnection, *, origin: str) -> Answer:
        path = self.path[1:] if self.path.startswith("//") else BASE + self.path
        headers = {"Origin": origin, **self.headers}
        if self.cookie:
            headers["Cookie"] = self.cookie
        content = None
        if self.body is not None:
            content = json.dumps(self.body)
            headers["Content-Type"] = "application/json"
        connection.request(self.method, path, content, headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


@dataclass(frozen=True)
class Database:
    """The server's database, seen from outside: plain SQL with ``%s`` for parameters."""

    url: str

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite:")

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The result; a change is committed."""
        with contextlib.closing(self._connect()) as connection, connection:
            cursor = connection.execute(
                statement.replace("%s", "?") if self.is_sqlite else statement, parameters
            )
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def value(self, statement: str, *parameters: Any) -> Any:
        ((value,),) = self.rows(statement, *parameters)
        return value

    def tables(self) -> list[str]:
        catalogue = (
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            if self.is_sqlite
            else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        return [name for (name,) in self.rows(catalogue)]

    def dump(self) -> str:
        """Every value of every table, as text."""
        return "\n".join(
            f"{table}: {row!r}"
            for table in self.tables()
            for row in self.rows(f'SELECT * FROM "{table}"')  # noqa: S608, the names are the catalogue's
        )

    def _connect(self) -> Any:
        if self.is_sqlite:
            import sqlite3

            return sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=20)
        import psycopg

        return psycopg.connect(self.url, options="-c TimeZone=UTC")


@dataclass(frozen=True)
class Site:
    """What the processes of one server have in common."""

    workspace: Path
    database: Database
    settings: Mapping[str, str]

    @property
    def data_dir(self) -> Path:
        return self.workspace / "data"

    @property
    def mail_dir(self) -> Path:
        return self.workspace / "mail"

    @property
    def log(self) -> Path:
        return self.workspace / "server.log"

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            "PYTHONUNBUFFERED": "1",
            "BETTER_AUTH_DATA_DIR": str(self.data_dir),
            "DATABASE_URL": self.database.url,
            "MAIL_DIR": str(self.mail_dir),
            **self.settings,
            **more,
        }

    def manage(self, *arguments: str, seconds: float = 120, **more: str) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py``; its two outputs come as one."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )

    @contextlib.contextmanager
    def serve(
        self,
        port: int,
        *,
        interface: Interface = "asgi",
        workers: int = 1,
        application: str = "",
        **more: str,
    ) -> Iterator[subprocess.Popen[str]]:
        """One server, of so many worker processes; nothing of it is left at the end."""
        program = " ".join(PROGRAMS[interface]).replace("--workers 1 ", f"--workers {workers} ").split()
        program[-1] = application or program[-1]
        command = [sys.executable, "-m", "granian", "--port", str(port), *program]
        with (
            self.log.open("a") as log,
            child(
                command,
                cwd=CHECKOUT,
                env=self.environment(PORT=str(port), **more),
                stdout=log,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            yield process

    def mails(self, to: str) -> list[EmailMessage]:
        """What was mailed to this address so far, oldest first."""
        files = sorted(self.mail_dir.glob("*.log"), key=lambda file: file.stat().st_mtime_ns)
        texts = [text.strip() for file in files for text in file.read_bytes().split(MAIL_SEPARATOR)]
        found = [message_from_bytes(text, policy=policy.default) for text in texts if text]
        return [mail for mail in found if mail["To"] == to]

    def wait_for_mail(self, to: str, *, subject: str = "") -> str:
        """The text of the newest mail to this address, once there is one."""

        def newest() -> str | None:
            fitting = [mail for mail in self.mails(to) if subject.lower() in mail["Subject"].lower()]
            part = fitting[-1].get_body(("plain",)) if fitting else None
            return part.get_content() if part else None

        return str(wait_for(newest, f"a mail to {to}"))

    def log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-LOG_LINES_SHOWN:])


@contextlib.contextmanager
def new_site(**settings: str) -> Iterator[Site]:
    """An empty place for a server, with a cheap password hash; ``settings`` are environment variables."""
    with contextlib.ExitStack() as stack:
        workspace = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="server-")))
        given = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
        if given.get("DATABASE_URL", "").startswith("postgres"):
            # The database that is named may be one that the test runner has yet to make.
            given["DATABASE_URL"] = urlunsplit(urlsplit(given["DATABASE_URL"])._replace(path="/postgres"))
        database_url = stack.enter_context(fresh_database(given, workspace))
        shared: dict[str, str] = {}
        if "REDIS_URL" in given:
            prefix = stack.enter_context(cache_prefix(given))
            shared = {"REDIS_URL": given["REDIS_URL"], "BETTER_AUTH_CACHE_PREFIX": prefix}
        cheap = {"BETTER_AUTH_ARGON2_MEMORY_COST": "64", "BETTER_AUTH_ARGON2_TIME_COST": "1"}
        site = Site(workspace, Database(database_url), {**cheap, **shared, **settings})
        sites_in_use.append(site)
        stack.callback(sites_in_use.remove, site)
        yield site


class RunningServer:
    """Migrated, with an operator, and ready; several processes share the database and the cache."""

    def __init__(
        self,
        *,
        processes: int = 1,
        interface: Interface = "asgi",
        workers: int = 1,
        ready: str = "/health/ready",
        application: str = "",
        **settings: str,
    ) -> None:
        self._application = application
        self._count, self._interface, self._ready_path = processes, interface, ready
        self._workers = workers
        self._settings = settings
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> RunningServer:
        with self._stack:
            ports = [self._stack.enter_context(reserved_port()) for _ in range(self._count)]
            self.urls = [f"http://127.0.0.1:{port}" for port in ports]
            self.origin = self.urls[0]
            self.site = self._stack.enter_context(
                new_site(**{"BETTER_AUTH_URL": self.origin, **self._settings})
            )
            for command in (["migrate", "--noinput"], ["create_operator"]):
                done = self.site.manage(*command)
                assert done.returncode == 0, f"manage.py {command[0]}:\n{done.stdout}"
            self.processes = [
                self._stack.enter_context(
                    self.site.serve(
                        port,
                        interface=self._interface,
                        workers=self._workers,
                        application=self._application,
                    )
                )
                for port in ports
            ]
            for process, url in zip(self.processes, self.urls, strict=True):
                wait_until_answering(process, url + self._ready_path, self.site)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def database(self) -> Database:
        return self.site.database

    def call(
        self, method: str, path: str, body: Any = None, *, cookie: str = "", process: int = 0, **headers: str
    ) -> Answer:
        """One request; ``headers`` with underscores for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(self._connection(self.urls[process])) as connection:
            return Call(method, path, body, cookie, named).send(connection, origin=self.origin)

    def at_once(self, calls: Sequence[Call]) -> list[Answer]:
        """Send all calls in one moment, in turn to each process; answers in the order of the calls."""
        barrier = threading.Barrier(len(calls), timeout=90)

        def send(numbered: tuple[int, Call]) -> Answer:
            number, call = numbered
            url = self.urls[number % len(self.urls)]
            with contextlib.closing(self._connection(url)) as connection:
                connection.connect()
                barrier.wait()
                return call.send(connection, origin=self.origin)

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(send, enumerate(calls)))

    def sign_up(self, email: str, password: str = PASSWORD, **more: Any) -> Answer:
        body = {"name": "Ann", "email": email, "password": password, **more}
        answer = self.call("POST", "/sign-up/email", body)
        assert answer.status == 200, answer
        return answer

    def sign_in(self, email: str, password: str = PASSWORD, *, process: int = 0) -> Answer:
        body = {"email": email, "password": password}
        return self.call("POST", "/sign-in/email", body, process=process)

    def _connection(self, url: str) -> http.client.HTTPConnection:
        address = urlsplit(url)
        assert address.hostname is not None
        return http.client.HTTPConnection(address.hostname, address.port, timeout=ANSWER_TIMEOUT)


def new_email(name: str = "ann") -> str:
    """An address that no other test uses."""
    return f"{name}-{secrets.token_hex(6)}@example.com"


def wait_for(condition: Callable[[], Any], what: str, *, seconds: float = 180.0) -> Any:
    """The first true value of the condition."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


def wait_until_answering(process: subprocess.Popen[str], url: str, site: Site) -> None:
    """Until the address answers 200; a server that has ended is not waited for."""
    address = urlsplit(url)

    def answers() -> bool:
        assert process.poll() is None, f"the server ended with {process.returncode}:\n{site.log_tail()}"
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=5)
        try:
            connection.request("GET", address.path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    try:
        wait_for(answers, url, seconds=START_TIMEOUT)
    except AssertionError as problem:
        raise AssertionError(f"{problem}\n{site.log_tail()}") from None


def ask_to_stop(process: subprocess.Popen[str]) -> float:
    """Send SIGTERM and wait for the end; the seconds that it took."""
    started = time.monotonic()
    process.terminate()
    process.wait(STOP_TIMEOUT)
    return time.monotonic() - started


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """For the ``conftest`` of tests with servers: a failure shows the end of their logs."""
    report = yield
    if report.failed:
        for site in sites_in_use:
            report.sections.append((f"server log of {site.workspace.name}", site.log_tail()))
    return report
