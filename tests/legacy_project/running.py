"""The project in a process of its own, over a database of its own.

with RunningProject(people=3) as old:
    answer = old.call("GET", "/me", headers=old.sign_in(1)["authtoken"])
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests import running_project
from tests.server import Answer

FLAGS = "--interface wsgi --blocking-threads 8 --host 127.0.0.1 --workers 1 --workers-kill-timeout 10"
PASSWORD = "an old password"
MAKE_PEOPLE = """
import sys, django
django.setup()
from django.contrib.auth.models import User
for number in range(int(sys.argv[1])):
    User.objects.create_user(f"person{number}", f"person{number}@example.org", sys.argv[2])
"""


class RunningProject(running_project.RunningProject):
    settings = "tests.legacy_project.settings"
    database_variable = "OLD_DATABASE"
    ready = ("/me", 401)

    def __init__(self, *, people: int) -> None:
        super().__init__()
        self._people = people

    def program(self) -> str:
        return f"{FLAGS} tests.legacy_project.wsgi:application"

    def prepare(self) -> None:
        self.run(["-c", MAKE_PEOPLE, str(self._people), PASSWORD])

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}) -> Answer:
        content = None if body is None else json.dumps(body)
        return self.ask(method, path, content, {"Content-Type": "application/json", **headers})

    def sign_in(self, number: int) -> dict[str, str]:
        """What the project gives out: ``access``, ``refresh``, ``authtoken`` and ``session``."""
        body = {"username": f"person{number}", "password": PASSWORD}
        pair = self.call("POST", "/token", body).json
        token = self.call("POST", "/api-token", body).json["token"]
        query = f"username=person{number}&password={PASSWORD.replace(' ', '%20')}"
        session = self.call("GET", f"/sign-in?{query}").cookies["sessionid"]
        return {**pair, "authtoken": token, "session": session}
