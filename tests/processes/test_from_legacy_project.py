"""People walk from a real Django project to here, back, and here again, while all of them go on working.

A client shows what it has: its old credential, and a session of ours as soon as it has one. Where this server
says that the person is not here, it asks the old project, as a front end does in the phases between.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.legacy_project.running import RunningProject
from tests.legacy_project.settings import SECRET_KEY
from tests.server import Answer, Call, RunningServer, wait_for

PEOPLE = 3
AT_ONCE = 10
NOT_HERE = ("LEGACY_USER_NOT_MIGRATED", "LEGACY_USER_ROLLED_BACK")


@pytest.fixture(scope="module")
def old() -> Iterator[RunningProject]:
    with RunningProject(people=PEOPLE) as running:
        yield running


@pytest.fixture(scope="module")
def server(old: RunningProject) -> Iterator[RunningServer]:
    """Two processes beside the old project, which take all that it gives out."""
    schemes = {
        f"BETTER_AUTH_LEGACY_{name}{key}": value
        for name in ("SIMPLEJWT", "AUTHTOKEN", "SESSIONS")
        for key, value in (("", "true"), ("_SOURCE", "django"), ("_DATABASE", "old"))
    }
    with RunningServer(
        processes=2,
        DJANGO_SETTINGS_MODULE="tests.settings.beside_legacy",
        OLD_DATABASE=str(old.database),
        ENABLE_DUAL_AUTH="true",
        BETTER_AUTH_LEGACY_SIMPLEJWT_SECRET=SECRET_KEY,
        BETTER_AUTH_LEGACY_SIMPLEJWT_BLACKLIST="true",
        BETTER_AUTH_LEGACY_SESSIONS_SECRET=SECRET_KEY,
        BETTER_AUTH_LEGACY_SESSIONS_USERS_TABLE="auth_user",
        BETTER_AUTH_LEGACY_CUTOVER="2999-01-01T00:00:00+00:00",
        **schemes,
    ) as running:
        yield running


@dataclass
class Walker:
    """One person with one kind of credential. ``seen``: who answered; ``refused``: what should never be."""

    number: int
    scheme: str
    credential: str
    session: str = ""
    seen: Counter[str] = field(default_factory=Counter)
    refused: list[Any] = field(default_factory=list)

    @property
    def email(self) -> str:
        return f"person{self.number}@example.org"

    def headers(self, *, with_session: bool = True) -> dict[str, str]:
        cookies = [self.session] if self.session and with_session else []
        if self.scheme == "session":
            return {"Cookie": "; ".join([*cookies, f"sessionid={self.credential}"])}
        kind = "Token" if self.scheme == "authtoken" else "Bearer"
        shown = {"Authorization": f"{kind} {self.credential}"}
        return {**shown, "Cookie": cookies[0]} if cookies else shown

    def step(self, server: RunningServer, old: RunningProject, process: int) -> str:
        """Who answered this request."""
        answer = server.call("GET", "/get-session", process=process, **self.headers())
        told = answer.json
        if answer.status == 200 and told is not None and told["user"]["email"] == self.email:
            return "here"
        is_not_here = answer.status == 200 if told is None else told.get("code") in NOT_HERE
        there = old.call("GET", "/me", headers=self.headers(with_session=False))
        if is_not_here and there.status == 200 and there.json["email"] == self.email:
            return "there"
        self.refused.append((answer.status, told, there.status))
        return "nowhere"

    def walk(self, server: RunningServer, old: RunningProject, over: threading.Event) -> None:
        turn = 0
        while not over.is_set():
            self.seen[self.step(server, old, turn % 2)] += 1
            turn += 1


def migrate(server: RunningServer, *told: str) -> None:
    done = server.site.manage("migrate_users", *told, "--yes")
    assert done.returncode == 0, done.stdout


def exchange(server: RunningServer, token: str) -> Answer:
    """By many at once, over both processes: one gets the session."""
    answers = server.at_once([Call("POST", "/legacy/exchange", {"token": token})] * AT_ONCE)
    won = [one for one in answers if one.status == 200]
    lost = {one.json["code"] for one in answers if one.status != 200}
    assert (len(won), lost) == (1, {"LEGACY_TOKEN_EXCHANGED"})
    return won[0]


def wait_until_all_are(walkers: list[Walker], where: str) -> None:
    """Each of them has been answered there twice more."""
    before = {id(one): one.seen[where] for one in walkers}
    wait_for(lambda: all(one.seen[where] > before[id(one)] + 1 for one in walkers), f"all to be {where}")


def test_everybody_walks_and_nobody_is_refused(
    server: RunningServer, old: RunningProject, tmp_path: Any
) -> None:
    given = [old.sign_in(number) for number in range(PEOPLE)]
    walkers = [
        Walker(number, scheme, one[scheme])
        for number, one in enumerate(given)
        for scheme in ("access", "authtoken", "session")
    ]
    over = threading.Event()
    with ThreadPoolExecutor(len(walkers)) as pool:
        walks = [pool.submit(one.walk, server, old, over) for one in walkers]
        try:
            wait_until_all_are(walkers, "there")
            migrate(server, "--source", "django", "--dsn", "old")
            wait_until_all_are(walkers, "here")
            for number, one in enumerate(given):
                session = exchange(server, one["refresh"]).session_cookie
                for walker in walkers:
                    walker.session = session if walker.number == number else walker.session
            wait_until_all_are(walkers, "here")
            lost = ("--force-changed", "--report", str(tmp_path / "back.json"))
            migrate(server, "--rollback", "--source", "django", *lost)
            wait_until_all_are(walkers, "there")
            migrate(server, "--source", "django", "--dsn", "old")
            wait_until_all_are(walkers, "here")
            for number, one in enumerate(given):
                assert (
                    exchange(server, one["authtoken"]).json["user"]["email"] == f"person{number}@example.org"
                )
        finally:
            over.set()
        for walk in walks:
            walk.result(60)
    assert [one.refused for one in walkers if one.refused] == []


def test_what_is_revoked_there_is_refused_here(server: RunningServer, old: RunningProject) -> None:
    given = old.sign_in(0)
    assert old.call("POST", "/token/blacklist", {"refresh": given["refresh"]}).status == 200
    answer = server.call("POST", "/legacy/exchange", {"token": given["refresh"]})
    assert (answer.status, answer.json["code"]) == (401, "LEGACY_TOKEN_REVOKED")
