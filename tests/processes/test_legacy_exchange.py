"""A credential of a former system in many hands at one moment, over two server processes: one session."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.migration_tools.conftest import person
from tests.server import Answer, Call, RunningServer, wait_for

SECRET = "of-the-former-system-0123456789-abcdefghijkl"
SOURCE = "jsonl"
MANY = 30
PEOPLE = 6


@pytest.fixture(scope="module")
def beside() -> Iterator[RunningServer]:
    """Two processes that take the tokens of a former service."""
    with RunningServer(
        processes=2,
        ENABLE_DUAL_AUTH="true",
        BETTER_AUTH_LEGACY_JWT="true",
        BETTER_AUTH_LEGACY_JWT_SECRET=SECRET,
        BETTER_AUTH_LEGACY_JWT_SOURCE=SOURCE,
        BETTER_AUTH_LEGACY_CUTOVER="2999-01-01T00:00:00+00:00",
    ) as running:
        yield running


def migrate(server: RunningServer, *told: str, people: range | None = None) -> None:
    if people is not None:
        file = Path(server.site.workspace) / "people.jsonl"
        file.write_text("".join(json.dumps(person(number)) + "\n" for number in people))
        told = ("--source", SOURCE, "--input", str(file), *told)
    done = server.site.manage("migrate_users", *told, "--yes")
    assert done.returncode == 0, done.stdout


def token_of(number: int, **more: Any) -> str:
    now = int(time.time())
    claims = {"sub": f"u-{number}", "iat": now, "exp": now + 600, "jti": f"{number}-{now}", **more}
    return jwt.encode(claims, SECRET)


def codes(answers: list[Answer]) -> list[tuple[int, str]]:
    return sorted((one.status, (one.json or {}).get("code", "")) for one in answers)


def sessions_of(server: RunningServer, number: int) -> int:
    counted = (
        "SELECT count(*) FROM better_auth_sessions s JOIN better_auth_users u ON u.id = s.user_id "
        "WHERE u.email = %s"
    )
    return int(server.database.value(counted, f"person{number}@example.org"))


def test_of_many_at_once_one_gets_the_session(beside: RunningServer) -> None:
    migrate(beside, people=range(PEOPLE))
    tokens = [token_of(number) for number in range(PEOPLE)]
    for number, token in enumerate(tokens):
        by_header = {"Authorization": f"Bearer {token}"}
        calls = [
            Call("POST", "/legacy/exchange", {"token": token})
            if at % 2
            else Call("POST", "/legacy/exchange", headers=by_header)
            for at in range(MANY)
        ]
        answers = beside.at_once(calls)
        assert codes(answers) == [(200, ""), *[(401, "LEGACY_TOKEN_EXCHANGED")] * (MANY - 1)]
        (won,) = (one for one in answers if one.status == 200)
        seen = beside.call("GET", "/get-session", cookie=won.session_cookie, process=1)
        assert seen.json["user"]["email"] == f"person{number}@example.org"
        assert sessions_of(beside, number) == 1


def test_nobody_waits_in_between(beside: RunningServer) -> None:
    """Not there, there, sent back, there again: what one process was told, both know."""
    number = PEOPLE + 1
    headers = {"Authorization": f"Bearer {token_of(number)}"}

    def told(process: int) -> str:
        answer = beside.call("GET", "/get-session", process=process, **headers)
        return str(answer.json.get("code") or answer.json["user"]["email"])

    def both_say(what: str) -> None:
        wait_for(lambda: [told(0), told(1)] == [what, what], what)

    assert [told(0), told(1)] == ["LEGACY_USER_NOT_MIGRATED"] * 2
    for _ in range(2):
        migrate(beside, "--on-conflict", "skip", people=range(number, number + 1))
        assert [told(0), told(1)] == [f"person{number}@example.org"] * 2
        migrate(beside, "--rollback", "--source", SOURCE)
        both_say("LEGACY_USER_ROLLED_BACK")


def test_what_came_is_written_down(beside: RunningServer) -> None:
    def counted() -> bool:
        told = json.loads(beside.site.manage("legacy_report", "--json").stdout)
        uses = [one for one in told["uses"] if one["scheme"] == "jwt"]
        return sum(one["exchanged"] for one in uses) == PEOPLE and sum(one["refused"] for one in uses) > 0

    wait_for(counted, "the counts of both processes")
    answer = beside.call("GET", "//metrics")
    assert (
        'better_auth_legacy_tokens_total{result="exchanged",scheme="legacy_jwt"}' in answer.content.decode()
    )
