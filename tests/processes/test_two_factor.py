"""Second factors, many requests in one moment, over two server processes: each code opens one session, and no
more guesses are looked at than the limits allow (attacks.md, B9, B10, E7)."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from better_auth.crypto.one_time_codes import Authenticator
from tests.better_auth.features.two_factor.conftest import authenticator_of
from tests.server import PASSWORD, Answer, Call, RunningServer, new_email

MANY = 20
COOKIE = "better-auth.two_factor"


class Ann:
    """Enrolled at the server."""

    def __init__(self, server: RunningServer) -> None:
        self.server, self.email = server, new_email("factor")
        cookie = server.sign_up(self.email).session_cookie
        shown = server.call("POST", "/two-factor/enable", {"password": PASSWORD}, cookie=cookie).json
        self.app: Authenticator = authenticator_of(shown["totpURI"])
        self.codes: list[str] = shown["backupCodes"]
        body = {"code": self.app.code(self.app.step_at(time.time()))}
        assert server.call("POST", "/two-factor/verify-totp", body, cookie=cookie).status == 200

    def challenged(self) -> str:
        """The cookie of a browser that has given the password."""
        answer = self.server.sign_in(self.email)
        assert answer.json["twoFactorRedirect"] is True
        return f"{COOKIE}={answer.cookies[COOKIE]}"

    def verifying(self, path: str, code: str, cookie: str) -> Call:
        return Call("POST", f"/two-factor/{path}", {"code": code}, cookie=cookie)

    def count(self, statement: str) -> Any:
        return self.server.database.value(statement, self.email)


@pytest.fixture
def ann(server: RunningServer) -> Ann:
    return Ann(server)


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


SESSIONS = (
    "SELECT count(*) FROM better_auth_sessions s JOIN better_auth_users u ON u.id = s.user_id"
    " WHERE u.email = %s AND s.second_factor = '{}'"
)


def test_a_backup_code_opens_one_session(server: RunningServer, ann: Ann) -> None:
    cookies = [ann.challenged() for _ in range(4)]
    calls = [ann.verifying("verify-backup-code", ann.codes[0], cookies[number % 4]) for number in range(12)]
    answers = server.at_once(calls)
    assert statuses(answers)[200] == 1
    assert set(statuses(answers)) <= {200, 401, 429}
    assert ann.count(SESSIONS.format("backup_code")) == 1


def test_a_code_of_the_app_opens_one_session(server: RunningServer, ann: Ann) -> None:
    cookies = [ann.challenged() for _ in range(8)]
    code = ann.app.code(ann.app.step_at(time.time()) + 1)
    before = ann.count(SESSIONS.format("totp"))
    answers = server.at_once([ann.verifying("verify-totp", code, cookie) for cookie in cookies])
    assert statuses(answers) == {200: 1, 401: 7}
    assert ann.count(SESSIONS.format("totp")) == before + 1


def test_one_challenge_makes_one_session(server: RunningServer, ann: Ann) -> None:
    cookie = ann.challenged()
    calls = [ann.verifying("verify-backup-code", code, cookie) for code in ann.codes[:5]]
    answers = server.at_once(calls)
    assert statuses(answers) == {200: 1, 401: 4}
    left = ann.count(
        "SELECT count(*) FROM better_auth_backup_codes c JOIN better_auth_two_factors f"
        " ON f.id = c.two_factor_id JOIN better_auth_users u ON u.id = f.user_id WHERE u.email = %s"
    )
    assert left == 9  # those that lost the race are not spent


def test_so_many_guesses_are_looked_at_and_no_more(server: RunningServer, ann: Ann) -> None:
    cookies = [ann.challenged() for _ in range(5)]
    calls = [
        ann.verifying(path, "aaaaa-aaaaa", cookie)
        for cookie in cookies
        for path in ("verify-totp", "verify-backup-code", "verify-totp", "verify-backup-code")
    ]
    answers = server.at_once(calls)
    assert statuses(answers) == {401: 10, 429: 10}
    right = ann.app.code(ann.app.step_at(time.time()) + 1)
    assert server.at_once([ann.verifying("verify-totp", right, ann.challenged())])[0].status == 429
