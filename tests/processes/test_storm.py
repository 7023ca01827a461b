"""A storm of sign-ins: who is signed in does not notice, who is too many is told to come back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.server import PASSWORD, Answer, Call, Interface, RunningServer, new_email

STORM = 100
BUSY = {"code": "SERVICE_UNAVAILABLE", "message": "The server is busy. Please try again in a moment."}
DEAR: dict[str, Any] = {"BETTER_AUTH_ARGON2_MEMORY_COST": "19456", "BETTER_AUTH_ARGON2_TIME_COST": "4"}

# Two of the four threads of the WSGI server are the most that may hash or wait for it.
BOUNDS: dict[Interface, dict[str, Any]] = {
    "asgi": {},
    "wsgi": {"BETTER_AUTH_PASSWORD_MAX_CONCURRENT": "1", "BETTER_AUTH_PASSWORD_MAX_WAITING": "1"},
}


def check_session_until(over: threading.Event, server: RunningServer, cookie: str) -> list[Answer]:
    """Ask for the session over and over, as an open page does."""
    seen: list[Answer] = []
    while not over.is_set() and len(seen) < 1000:
        seen.append(server.call("GET", "/get-session", cookie=cookie))
        over.wait(0.02)
    return seen


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_session_checks_go_on_while_sign_ins_storm(interface: Interface) -> None:
    with RunningServer(interface=interface, **DEAR, **BOUNDS[interface]) as server:
        email = new_email("storm")
        signed_up = server.sign_up(email)
        storm = [Call("POST", "/sign-in/email", {"email": email, "password": PASSWORD})] * STORM
        over = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            checks = pool.submit(check_session_until, over, server, signed_up.session_cookie)
            try:
                answers = server.at_once(storm)
            finally:
                over.set()
        assert {one.status for one in answers} == {200, 503}
        surplus = [one for one in answers if one.status == 503]
        assert all(one.json == BUSY and one.headers["Retry-After"] == "1" for one in surplus)

        seen = checks.result()
        assert len(seen) >= 5
        assert {one.status for one in seen} == {200}
        assert {one.json["session"]["token"] for one in seen} == {signed_up.json["token"]}

        assert server.sign_in(email).status == 200
        assert server.call("GET", "//health/ready").status == 200
