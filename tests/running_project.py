"""A host project in a process of its own, over a SQLite file of its own; what those of the tests share."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import urlsplit

from tests.conformance.run_conformance import child, reserved_port
from tests.server import ANSWER_TIMEOUT, CHECKOUT, KEPT_VARIABLES, Answer, wait_for


class RunningProject:
    """``settings``: the module of its settings; ``database_variable``: what tells it where its file is.

    Who inherits says how it is served (``program``), what else stands in its environment (``more``), what is
    run before it is served (``prepare``), and when it answers: ``ready``, a path and a status.
    """

    settings: ClassVar[str]
    database_variable: ClassVar[str]
    ready: ClassVar[tuple[str, int]]
    more: Mapping[str, str] = {}

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()

    def program(self) -> str:
        """What granian is told, but for the port."""
        raise AssertionError("who inherits says so")

    def prepare(self) -> None:
        """The database is migrated."""

    def __enter__(self) -> Self:
        with self._stack:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="project-")))
            port = self._stack.enter_context(reserved_port())
            self.url = f"http://127.0.0.1:{port}"
            self.run(["-m", "django", "migrate", "--noinput"])
            self.prepare()
            log = self._stack.enter_context(self.log.open("a"))
            command = [sys.executable, "-m", "granian", "--port", str(port), *self.program().split()]
            self.process = self._stack.enter_context(
                child(command, cwd=CHECKOUT, env=self.environment, stdout=log, stderr=subprocess.STDOUT)
            )
            wait_for(self._answers, self.settings, seconds=120)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def database(self) -> Path:
        return self.folder / "db.sqlite3"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": self.settings,
            self.database_variable: str(self.database),
            **self.more,
        }

    def ask(
        self, method: str, path: str, content: str | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=ANSWER_TIMEOUT)
        with contextlib.closing(connection):
            connection.request(method, path, content, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def run(self, arguments: list[str]) -> None:
        """Python in the project's environment."""
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=CHECKOUT, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-4000:]
        path, status = self.ready
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.ask("GET", path).status == status
        return False
