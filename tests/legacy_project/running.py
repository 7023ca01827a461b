"""The project in a process of its own, over a database of its own.

with RunningProject(people=3) as old:
    answer = old.call("GET", "/me", headers=old.sign_in(1)["authtoken"])
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.conformance.run_conformance import child, reserved_port
from tests.server import ANSWER_TIMEOUT, CHECKOUT, KEPT_VARIABLES, Answer, wait_for

FLAGS = "--interface wsgi --blocking-threads 8 --host 127.0.0.1 --workers 1 --workers-kill-timeout 10"
PASSWORD = "an old password"
MAKE_PEOPLE = """
import sys, django
django.setup()
from django.contrib.auth.models import User
for number in range(int(sys.argv[1])):
    User.objects.create_user(f"person{number}", f"person{number}@example.org", sys.argv[2])
"""


class RunningProject:
    def __init__(self, *, people: int) -> None:
        self._people = people
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> RunningProject:
        with self._stack:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="old-")))
            port = self._stack.enter_context(reserved_port())
            self.url = f"http://127.0.0.1:{port}"
            self._run(["-m", "django", "migrate", "--noinput"])
            self._run(["-c", MAKE_PEOPLE, str(self._people), PASSWORD])
            log = self._stack.enter_context((self.folder / "old.log").open("a"))
            program = f"{FLAGS} --port {port} tests.legacy_project.wsgi:application"
            command = [sys.executable, "-m", "granian", *program.split()]
            self.process = self._stack.enter_context(
                child(command, cwd=CHECKOUT, env=self.environment, stdout=log, stderr=subprocess.STDOUT)
            )
            wait_for(self._answers, "the old project", seconds=120)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def database(self) -> Path:
        return self.folder / "old.sqlite3"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "tests.legacy_project.settings",
            "OLD_DATABASE": str(self.database),
        }

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}) -> Answer:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=ANSWER_TIMEOUT)
        with contextlib.closing(connection):
            told = {"Content-Type": "application/json", **headers}
            connection.request(method, path, None if body is None else json.dumps(body), told)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def sign_in(self, number: int) -> dict[str, str]:
        """What the project gives out: ``access``, ``refresh``, ``authtoken`` and ``session``."""
        body = {"username": f"person{number}", "password": PASSWORD}
        pair = self.call("POST", "/token", body).json
        token = self.call("POST", "/api-token", body).json["token"]
        query = f"username=person{number}&password={PASSWORD.replace(' ', '%20')}"
        session = self.call("GET", f"/sign-in?{query}").cookies["sessionid"]
        return {**pair, "authtoken": token, "session": session}

    def _run(self, arguments: list[str]) -> None:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=CHECKOUT, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "old.log").read_text()[-4000:]
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.call("GET", "/me").status == 401
        return False
