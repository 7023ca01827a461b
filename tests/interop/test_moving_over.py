"""People move from the original server to ours, and nobody notices: same cookies, ids, passwords and keys."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.better_auth.features.two_factor.conftest import authenticator_of
from tests.conformance.run_conformance import fresh_database
from tests.interop.reference import Reference, running_reference
from tests.server import PASSWORD, SESSION_COOKIE, RunningServer, wait_for

COUNT = 4
OTTO = "otto@example.com"
CHALLENGE = "better-auth.two_factor"


@dataclass
class Household:
    """Users of the original with their cookie jars, an API key of the first of them, and what somebody else
    was shown who has enrolled an authenticator; ``dsn`` names the database that it lives on."""

    reference: Reference
    dsn: str
    users: list[Any] = field(default_factory=list)
    jars: list[str] = field(default_factory=list)
    api_key: dict[str, Any] = field(default_factory=dict)
    enrolled: dict[str, Any] = field(default_factory=dict)


def _as_header(lines: list[str]) -> str:
    return "; ".join(line.partition(";")[0] for line in lines)


@contextmanager
def on_sqlite(workspace: Path) -> Iterator[Household]:
    with running_reference() as reference:
        household = Household(reference, f"sqlite:///{workspace / 'original.sqlite3'}")
        _move_in(household)
        reference.request("GET", "/token", cookie=household.jars[0])  # makes the first signing key
        reference.ask("dump", path=str(workspace / "original.sqlite3"))
        yield household


@contextmanager
def on_postgresql(workspace: Path) -> Iterator[Household]:
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        pytest.skip("DATABASE_URL is no PostgreSQL")
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + "/postgres"
    with (
        fresh_database({"DATABASE_URL": url}, workspace) as database,
        running_reference(database) as reference,
    ):
        household = Household(reference, database)
        _move_in(household)
        reference.request("GET", "/token", cookie=household.jars[0])
        yield household


def _move_in(household: Household) -> None:
    for number in range(COUNT):
        body = {
            "name": f"Zoë {number} 漢字",
            "email": f"Zoe{number}@Example.com",
            "password": PASSWORD,
            "username": f"Zoe_{number}",
            "rememberMe": number != 2,
        }
        answer = household.reference.request("POST", "/sign-up/email", body)
        assert answer["status"] == 200, answer
        household.users.append(answer["body"]["user"])
        household.jars.append(_as_header(answer["cookies"]))
    body = {"name": "deploy", "prefix": "zoe_", "expiresIn": 2 * 86400}
    made = household.reference.request("POST", "/api-key/create", body, cookie=household.jars[0])
    assert made["status"] == 200, made
    household.api_key = made["body"]
    household.enrolled = _enrol(household.reference)
    signed_out = household.reference.request("POST", "/sign-out", {}, cookie=household.jars[3])
    assert signed_out["status"] == 200
    household.reference.ask(
        "execute",
        sql="""INSERT INTO account ("id", "accountId", "providerId", "userId", "createdAt", "updatedAt")
               SELECT 'acc1', '1122334455', 'google', id, "createdAt", "updatedAt" FROM "user"
               WHERE email = 'zoe1@example.com'""",
    )


def _enrol(reference: Reference) -> dict[str, Any]:
    """The URI and backup codes of Otto, who has shown a first code."""
    person = {"name": "Otto", "email": OTTO, "password": PASSWORD}
    jar = _as_header(reference.request("POST", "/sign-up/email", person)["cookies"])
    answer = reference.request("POST", "/two-factor/enable", {"password": PASSWORD}, cookie=jar)
    assert answer["status"] == 200, answer
    shown: dict[str, Any] = answer["body"]
    app = authenticator_of(shown["totpURI"])
    code = {"code": app.code(app.step_at(time.time()))}
    assert reference.request("POST", "/two-factor/verify-totp", code, cookie=jar)["status"] == 200
    return shown


HOUSES = {"sqlite": on_sqlite, "postgresql": on_postgresql}


@pytest.fixture(scope="module", params=sorted(HOUSES))
def household(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Household]:
    with HOUSES[request.param](tmp_path_factory.mktemp("original")) as found:
        yield found


def test_they_go_on_with_the_same_cookie_jars(household: Household) -> None:
    secret = str(household.reference.ask("secret"))
    told = ["migrate_users", "--source", "better-auth", "--dsn", household.dsn, "--yes"]
    with RunningServer(BETTER_AUTH_SECRET=secret) as server:
        here = server.database.value("SELECT count(*) FROM better_auth_users")
        assert server.call("GET", "/get-session", cookie=household.jars[0]).json is None
        rehearsed = server.site.manage(*told, "--dry-run")
        assert rehearsed.returncode == 0, rehearsed.stdout
        assert server.call("GET", "/get-session", cookie=household.jars[0]).json is None
        moved = server.site.manage(*told)
        assert moved.returncode == 0, moved.stdout
        _ensure_at_home(server, household)
        _ensure_its_tokens_are_good(server, household)
        _ensure_its_api_keys_are_good(server, household)
        _ensure_the_authenticator_signs_in(server, household)
        verified = server.site.manage(*told, "--verify")
        assert verified.returncode == 0, verified.stdout

        undone = server.site.manage("migrate_users", "--rollback", "--yes")
        assert undone.returncode == 0, undone.stdout
        assert server.database.value("SELECT count(*) FROM better_auth_users") == here
        # Without Redis nobody tells the server; what it remembers it forgets after some seconds.
        jar = household.jars[0]
        wait_for(
            lambda: server.call("GET", "/get-session", cookie=jar).json is None, "the end of the session"
        )
        assert server.database.value("SELECT count(*) FROM better_auth_api_keys") == 0
        again = server.site.manage(*told)
        assert again.returncode == 0, again.stdout
        assert (
            server.call("GET", "/get-session", cookie=household.jars[0]).json["user"]["name"] == "Zoë 0 漢字"
        )


def _ensure_its_tokens_are_good(server: RunningServer, household: Household) -> None:
    there = household.reference.request("GET", "/jwks")["body"]["keys"]
    here = {key["kid"]: key for key in server.call("GET", "/jwks").json["keys"]}
    assert there
    assert all(here[key["kid"]]["x"] == key["x"] for key in there)


def _ensure_the_authenticator_signs_in(server: RunningServer, household: Household) -> None:
    app = authenticator_of(household.enrolled["totpURI"])
    code = app.code(app.step_at(time.time()))
    for path, right in (("verify-totp", code), ("verify-backup-code", household.enrolled["backupCodes"][0])):
        asked = server.call("POST", "/sign-in/email", {"email": OTTO, "password": PASSWORD})
        assert asked.json == {"twoFactorRedirect": True, "twoFactorMethods": ["totp", "otp"]}
        cookie = f"{CHALLENGE}={asked.cookies[CHALLENGE]}"
        answer = server.call("POST", f"/two-factor/{path}", {"code": right}, cookie=cookie)
        assert (answer.status, answer.json["user"]["email"]) == (200, OTTO)


def _ensure_its_api_keys_are_good(server: RunningServer, household: Household) -> None:
    there, jar = household.api_key, household.jars[0]
    answer = server.call("GET", "/get-session", **{"x-api-key": there["key"]})
    assert answer.json["user"]["id"] == household.users[0]["id"], answer
    here = server.call("GET", f"/api-key/get?id={there['id']}", cookie=jar).json
    assert (here["requestCount"], here["lastRequest"] is None) == (1, False)
    used = ("key", "requestCount", "lastRequest", "updatedAt")
    assert {name: value for name, value in there.items() if name not in used} == {
        name: value for name, value in here.items() if name not in used
    }


def _ensure_at_home(server: RunningServer, household: Household) -> None:
    for number, (user, jar) in enumerate(zip(household.users, household.jars, strict=True)):
        there = household.reference.request("GET", "/get-session", cookie=jar)["body"]
        session = server.call("GET", "/get-session", cookie=jar).json
        if number == 3:
            assert (there, session) == (None, None)
        else:
            same = ("id", "name", "email", "emailVerified", "image", "createdAt", "updatedAt")
            assert [session["user"][name] for name in same] == [there["user"][name] for name in same]
            times = ("expiresAt", "createdAt", "token", "userId", "ipAddress", "userAgent")
            assert [session["session"][name] for name in times] == [there["session"][name] for name in times]
        body = {"email": user["email"], "password": PASSWORD}
        signed_in = server.call("POST", "/sign-in/email", body)
        assert (signed_in.status, signed_in.json["user"]["id"]) == (200, user["id"])
        assert signed_in.cookies[SESSION_COOKIE]
    accounts = server.call("GET", "/list-accounts", cookie=household.jars[1]).json
    assert sorted((one["providerId"], one["accountId"]) for one in accounts) == [
        ("credential", household.users[1]["id"]),
        ("google", "1122334455"),
    ]
