"""The service in a process of its own, over a database of its own.

with RunningService(auth_server.origin, BETTER_AUTH_CLIENT_ID="shop", …) as service:
    answer = service.call("/whoami", token)
"""

from __future__ import annotations

import contextlib
import sqlite3

from tests.running_project import RunningProject
from tests.server import Answer, Interface

FLAGS = "--host 127.0.0.1 --workers 1 --workers-kill-timeout 10"
PROGRAMS = {
    "asgi": f"--interface asginl {FLAGS} tests.resource_project.asgi:application",
    "wsgi": f"--interface wsgi --blocking-threads 12 {FLAGS} tests.resource_project.wsgi:application",
}


class RunningService(RunningProject):
    settings = "tests.resource_project.settings"
    database_variable = "RESOURCE_DATABASE"
    ready = ("/health", 200)

    def __init__(self, auth_server: str, *, interface: Interface = "wsgi", **settings: str) -> None:
        super().__init__()
        self._interface = interface
        self.more = {"AUTH_SERVER_URL": auth_server, **settings}

    def program(self) -> str:
        return PROGRAMS[self._interface]

    def call(self, path: str, token: str | None = None, *, note: str | None = None) -> Answer:
        """A read, or with ``note`` a new note."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if note is None:
            return self.ask("GET", path, headers=headers)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, f"text={note}", {**headers, **form})

    def tables(self) -> set[str]:
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            return {
                name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }

    def count(self, metric: str, **labels: str) -> float:
        """A counter as Prometheus would read it."""
        shown = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
        lines = self.call("/metrics").content.decode().splitlines()
        found = [line for line in lines if line.startswith(f"{metric}{{{shown}}} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0
