"""Codes sent to telephones, tried many times in one moment, over two server processes."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.server import PASSWORD, Call, RunningServer, new_email, wait_for

MANY = 40
FEATURES = "anonymous,bearer,multi_session,phone_number"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with RunningServer(
        processes=2,
        BETTER_AUTH_FEATURES=FEATURES,
        BETTER_AUTH_PHONE_NUMBER_SENDER="tests.host.text_messages.keep",
        BETTER_AUTH_PHONE_NUMBER_SIGN_UP="true",
    ) as running:
        yield running


def new_number() -> str:
    return f"+1555{secrets.randbelow(10**7):07}"


def code_for(server: RunningServer, number: str, purpose: str = "verify_phone_number") -> str:
    """Of the newest message to this number."""
    file = server.site.mail_dir / "texts.txt"

    def find() -> str | None:
        lines = file.read_text().splitlines() if file.exists() else []
        found = [line.split()[2] for line in lines if line.startswith(f"{purpose} {number} ")]
        return found[-1] if found else None

    return str(wait_for(find, f"a text to {number}"))


def send(server: RunningServer, number: str) -> str:
    assert server.call("POST", "/phone-number/send-otp", {"phoneNumber": number}).status == 200
    return code_for(server, number)


def test_a_code_signs_in_once_and_makes_one_user(server: RunningServer) -> None:
    number = new_number()
    body = {"phoneNumber": number, "code": send(server, number)}
    answers = server.at_once([Call("POST", "/phone-number/verify", body)] * MANY)
    assert [one.status for one in answers].count(200) == 1
    assert {one.status for one in answers} <= {200, 400, 403}
    rows = server.database.rows("SELECT id FROM better_auth_users WHERE phone_number = %s", number)
    assert len(rows) == 1
    counted = server.database.value(
        "SELECT count(*) FROM better_auth_sessions WHERE user_id = %s", rows[0][0]
    )
    assert counted == 1


def test_of_many_guesses_three_are_looked_at(server: RunningServer) -> None:
    number = new_number()
    code = send(server, number)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    body = {"phoneNumber": number, "code": wrong}
    answers = server.at_once([Call("POST", "/phone-number/verify", body)] * MANY)
    told = Counter(one.json["code"] for one in answers)
    assert told == {"INVALID_OTP": 3, "TOO_MANY_ATTEMPTS": 1, "OTP_NOT_FOUND": MANY - 4}
    right = server.call("POST", "/phone-number/verify", {"phoneNumber": number, "code": code})
    assert (right.status, right.json["code"]) == (400, "OTP_NOT_FOUND")


def test_a_code_sets_one_password(server: RunningServer) -> None:
    email, number = new_email("phone"), new_number()
    cookie = server.sign_up(email).session_cookie
    taken = {"phoneNumber": number, "code": send(server, number), "updatePhoneNumber": True}
    assert server.call("POST", "/phone-number/verify", taken, cookie=cookie).status == 200
    server.call("POST", "/phone-number/request-password-reset", {"phoneNumber": number})
    code = code_for(server, number, "reset_password")
    passwords = [f"new password {one}" for one in range(MANY)]
    answers = server.at_once(
        [
            Call(
                "POST",
                "/phone-number/reset-password",
                {"phoneNumber": number, "otp": code, "newPassword": password},
            )
            for password in passwords
        ]
    )
    won = [password for password, one in zip(passwords, answers, strict=True) if one.status == 200]
    assert len(won) == 1
    assert {one.status for one in answers} <= {200, 400, 403, 503}
    assert server.sign_in(email, won[0]).status == 200
    assert server.sign_in(email, PASSWORD).status == 401
