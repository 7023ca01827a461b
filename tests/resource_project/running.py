"""The service in a process of its own, over a database of its own.

with RunningService(auth_server.origin, BETTER_AUTH_CLIENT_ID="shop", …) as service:
    answer = service.call("/whoami", token)
"""

from __future__ import annotations

import contextlib
import http.client
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.conformance.run_conformance import child, reserved_port
from tests.server import ANSWER_TIMEOUT, CHECKOUT, KEPT_VARIABLES, Answer, Interface, wait_for

FLAGS = "--host 127.0.0.1 --workers 1 --workers-kill-timeout 10"
PROGRAMS = {
    "asgi": f"--interface asginl {FLAGS} tests.resource_project.asgi:application",
    "wsgi": f"--interface wsgi --blocking-threads 12 {FLAGS} tests.resource_project.wsgi:application",
}


class RunningService:
    def __init__(self, auth_server: str, *, interface: Interface = "wsgi", **settings: str) -> None:
        self._interface, self._settings = interface, {"AUTH_SERVER_URL": auth_server, **settings}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> RunningService:
        with self._stack:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="service-")))
            port = self._stack.enter_context(reserved_port())
            self.url = f"http://127.0.0.1:{port}"
            self._run(["-m", "django", "migrate", "--noinput"])
            log = self._stack.enter_context(self.log.open("a"))
            command = [
                sys.executable,
                "-m",
                "granian",
                "--port",
                str(port),
                *PROGRAMS[self._interface].split(),
            ]
            self.process = self._stack.enter_context(
                child(command, cwd=CHECKOUT, env=self.environment, stdout=log, stderr=subprocess.STDOUT)
            )
            wait_for(self._answers, f"the service\n{self.log.read_text()[-4000:]}", seconds=120)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def log(self) -> Path:
        return self.folder / "service.log"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "tests.resource_project.settings",
            "RESOURCE_DATABASE": str(self.folder / "db.sqlite3"),
            **self._settings,
        }

    def call(self, path: str, token: str | None = None, *, note: str | None = None) -> Answer:
        """A read, or with ``note`` a new note."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=ANSWER_TIMEOUT)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        with contextlib.closing(connection):
            if note is None:
                connection.request("GET", path, headers=headers)
            else:
                form = {"Content-Type": "application/x-www-form-urlencoded"}
                connection.request("POST", path, f"text={note}", {**headers, **form})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def tables(self) -> set[str]:
        with contextlib.closing(sqlite3.connect(self.folder / "db.sqlite3")) as connection:
            return {
                name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }

    def count(self, metric: str, **labels: str) -> float:
        """A counter as Prometheus would read it."""
        shown = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
        lines = self.call("/metrics").content.decode().splitlines()
        found = [line for line in lines if line.startswith(f"{metric}{{{shown}}} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0

    def _run(self, arguments: list[str]) -> None:
        command: Any = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=CHECKOUT, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-4000:]
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.call("/health").status == 200
        return False
