"""The section "Bringing your users" of the README, done as it says, in a new project with the built wheel."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import re
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.migration_tools.conftest import BCRYPT, LEGACY_PASSWORD
from tests.migration_tools.test_better_auth_database import SCHEMA, Original
from tests.projects.project import CHECKOUT, Project, block_of

pytestmark = pytest.mark.projects

README = CHECKOUT / "README.md"
USERS = f"""external_id,email,name,password.scheme,password.hash
1,ann@example.org,"Lee, Ann",bcrypt,{BCRYPT}
2,bob@example.org,Bob,,
3,broken@,Nobody,,
"""


def commands() -> list[list[str]]:
    """What the section tells one to type, after ``python manage.py``."""
    section = README.read_text().partition("## Bringing your users")[2].partition("\n## ")[0]
    return [found.split() for found in re.findall(r"^python manage\.py ([^#\n]*)", section, re.MULTILINE)]


@pytest.fixture
def prepared(project: Project) -> Project:
    project.add_better_auth()
    project.add("settings.py", block_of(README, "settings.py, to bring users"))
    project.manage("migrate")
    return project


def ask(project: Project, path: str, body: Any = None, **headers: str) -> Any:
    content = json.dumps(body).encode() if body is not None else None
    asked = {"Content-Type": "application/json", "Origin": project.url, **headers}
    request = urllib.request.Request(f"{project.url}/api/auth{path}", content, asked)  # noqa: S310
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request) as answer:  # noqa: S310
        return json.load(answer)


def test_people_come_from_a_csv_and_go_back(prepared: Project) -> None:
    (prepared.folder / "users.csv").write_text(USERS)
    dry, real, back = commands()[:3]
    assert (dry[-1], real[-1], back[-1]) == ("--dry-run", "users.csv", "--rollback")
    told = prepared.manage(*dry, code=2)
    assert "2  created" in told
    assert "invalid-email (first: line 4" in told
    prepared.manage(*real, "--yes", code=2)
    with prepared.serve():
        body = {"email": "ann@example.org", "password": LEGACY_PASSWORD}
        assert ask(prepared, "/sign-in/email", body)["user"]["name"] == "Lee, Ann"
    assert "2 users deleted" in prepared.manage(*back, "--yes")


def test_people_of_a_better_auth_server_stay_signed_in(prepared: Project, tmp_path: Path) -> None:
    path = tmp_path / "original.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        original = Original(connection, [])
        row = ("id-1", "Ann", "ann@example.org", 1, None, *["2022-05-06T07:08:09.000Z"] * 2)
        original.run('INSERT INTO "user" VALUES (?, ?, ?, ?, ?, ?, ?)', *row)
        original.sign_in("id-1", "abcdefghijklmnopqrstuvwxyz012345")
    (told,) = [one for one in commands() if "better-auth" in one]
    told[told.index("--dsn") + 1] = f"sqlite:///{path}"
    prepared.manage(*told, "--yes")
    secret = prepared.environ["BETTER_AUTH_SECRET"].encode()
    token = "abcdefghijklmnopqrstuvwxyz012345"
    signature = base64.b64encode(hmac.digest(secret, token.encode(), hashlib.sha256)).decode()
    cookie = f"better-auth.session_token={urllib.parse.quote(f'{token}.{signature}', safe='')}"
    with prepared.serve():
        assert ask(prepared, "/get-session", Cookie=cookie)["user"]["id"] == "id-1"
