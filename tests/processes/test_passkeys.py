"""Passkeys over two server processes, in one moment: one wins, the others are told, none fails."""

from __future__ import annotations

from typing import Any

from tests.authenticator import Authenticator
from tests.server import Answer, Call, RunningServer, new_email

MANY = 20
COOKIE = "better-auth.better-auth-passkey"
FAILED = {"code": "AUTHENTICATION_FAILED", "message": "Authentication failed"}
NO_CHALLENGE = {"code": "CHALLENGE_NOT_FOUND", "message": "Challenge not found"}
NOT_VERIFIED = {"code": "FAILED_TO_VERIFY_REGISTRATION", "message": "Failed to verify registration"}


def new_device(server: RunningServer, **more: Any) -> Authenticator:
    return Authenticator(server.origin, **more)


def begun(server: RunningServer, path: str, *, session: str = "") -> tuple[Any, str]:
    """The options of a ceremony, and the cookies to go on with."""
    answer = server.call("GET", f"/passkey/{path}", cookie=session)
    assert answer.status == 200, answer
    challenge = f"{COOKIE}={answer.cookies[COOKIE]}"
    return answer.json, f"{session}; {challenge}" if session else challenge


def registration(server: RunningServer, session: str, device: Authenticator) -> Call:
    options, cookie = begun(server, "generate-register-options", session=session)
    body = {"response": device.register(options)}
    return Call("POST", "/passkey/verify-registration", body, cookie)


def registered(server: RunningServer, **more: Any) -> tuple[Authenticator, str, Answer]:
    """A new user's passkey, their session cookie and what the server has answered."""
    device, session = new_device(server, **more), server.sign_up(new_email("passkey")).session_cookie
    (answer,) = server.at_once([registration(server, session, device)])
    assert answer.status == 200, answer.json
    return device, session, answer


def sign_in(server: RunningServer, device: Authenticator) -> Call:
    options, cookie = begun(server, "generate-authenticate-options")
    body = {"response": device.authenticate(options)}
    return Call("POST", "/passkey/verify-authentication", body, cookie)


def told(answers: list[Answer]) -> tuple[list[Any], list[Any]]:
    """What was answered with 200, and all other answers."""
    won = [one.json for one in answers if one.status == 200]
    return won, [(one.status, one.json) for one in answers if one.status != 200]


def test_one_answer_signs_in_once(server: RunningServer) -> None:
    device, _, answer = registered(server)
    won, others = told(server.at_once([sign_in(server, device)] * MANY))
    assert len(won) == 1
    assert others == [(400, NO_CHALLENGE)] * (MANY - 1)
    counted = "SELECT count(*) FROM better_auth_sessions WHERE user_id = %s AND auth_method = 'passkey'"
    assert server.database.value(counted, answer.json["userId"]) == 1


def test_one_count_of_a_device_signs_in_once(server: RunningServer) -> None:
    """A device and its clones, each with a challenge of its own."""
    device, _, _ = registered(server)
    calls = []
    for _ in range(MANY):
        device.counter = 6
        calls.append(sign_in(server, device))
    won, others = told(server.at_once(calls))
    assert len(won) == 1
    assert others == [(400, FAILED)] * (MANY - 1)
    counted = "SELECT counter FROM better_auth_passkeys WHERE credential_id = %s"
    assert server.database.value(counted, device.credential_id) == 7


def test_one_credential_is_one_users(server: RunningServer) -> None:
    device = new_device(server)
    sessions = [server.sign_up(new_email("passkey")).session_cookie for _ in range(4)]
    won, others = told(server.at_once([registration(server, one, device) for one in sessions]))
    assert len(won) == 1
    assert others == [(400, NOT_VERIFIED)] * 3
