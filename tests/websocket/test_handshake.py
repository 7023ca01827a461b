"""Who is let in, by what, and what the others are told."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.server import Answer, RunningServer, new_email
from tests.websocket.conftest import Open

EVIL = "https://evil.example"


def token_of(answer: Answer) -> str:
    return str(answer.json["token"])


def refused(code: str) -> dict[str, Any]:
    return {"success": False, "code": code}


def told(message: Any) -> dict[str, Any]:
    return {"success": message["success"], "code": message["error"]["code"]}


def test_a_page_of_ours_comes_in_by_its_cookie(opened: Open, ann: Answer) -> None:
    result = opened().hear()
    assert result["type"] == "auth.result"
    assert result["success"] is True
    assert result["error"] is None
    assert result["method"] == "session"
    assert result["user"] == ann.json["user"]
    assert result["session"]["userId"] == ann.json["user"]["id"]
    assert result["expiresAt"] == result["session"]["expiresAt"]
    assert token_of(ann) not in json.dumps(result)


@pytest.mark.parametrize("path", ["/ws", "/ws/auth/"])
def test_both_paths_serve(opened: Open, path: str) -> None:
    assert opened(path).hear()["success"]


def test_any_other_path_below_is_closed(opened: Open) -> None:
    assert opened("/ws/else").closed()[0] == 4404


@pytest.mark.parametrize("origin", [EVIL, "null", None, "http://127.0.0.1.evil.example"])
def test_no_foreign_page_comes_in_by_a_cookie(opened: Open, ann: Answer, origin: str | None) -> None:
    """Cross-site WebSocket hijacking (CWE-1385)."""
    socket = opened(cookie=ann.session_cookie, origin=origin)
    assert socket.closed() == (4403, "Invalid origin")
    assert [told(one) for one in socket.last_words] == [refused("INVALID_ORIGIN")]


def test_tokens_come_in_by_every_door(opened: Open, ann: Answer, server: RunningServer) -> None:
    token = token_of(ann)
    signed = ann.headers["set-auth-token"].replace("/", "%2F").replace("=", "%3D").replace("+", "%2B")
    by_header = opened(headers={"Authorization": f"Bearer {token}"})
    by_protocol = opened(protocols=("better-auth", f"better-auth.token.{signed}"))
    by_message = opened(anonymous=True)
    by_message.say({"type": "auth", "token": token})
    for socket in (by_header, by_protocol, by_message):
        result = socket.hear()
        assert (result["success"], result["method"]) == (True, "bearer")
        assert result["user"]["id"] == ann.json["user"]["id"]
    assert by_protocol.connection.subprotocol == "better-auth"
    assert token not in server.site.log.read_text()


def test_a_token_needs_no_origin(opened: Open, ann: Answer) -> None:
    """No page has it but those that were given it."""
    assert opened(origin=EVIL, headers={"Authorization": f"Bearer {token_of(ann)}"}).hear()["success"]


def test_who_is_refused_gets_the_protocol_that_browsers_insist_on(opened: Open) -> None:
    socket = opened(protocols=("better-auth", "better-auth.token.nonsense"))
    assert socket.connection.subprotocol == "better-auth"
    assert socket.closed()[0] == 4401


def test_a_foreign_page_is_not_let_in_beside_a_bad_token(opened: Open, ann: Answer) -> None:
    protocols = ("better-auth", "better-auth.token.nonsense")
    socket = opened(cookie=ann.session_cookie, origin=EVIL, protocols=protocols)
    assert socket.closed()[0] == 4401


def test_jwts_access_tokens_and_api_keys_open_sockets(
    opened: Open, ann: Answer, server: RunningServer
) -> None:
    cookie = ann.session_cookie
    jwt = server.call("GET", "/token", cookie=cookie).json["token"]
    key = server.call("POST", "/api-key/create", {"name": "a socket's"}, cookie=cookie).json["key"]
    for token, method in ((jwt, "jwt"), (key, "api_key")):
        for way in ("protocol", "message"):
            socket = opened(
                **({"protocols": ("better-auth", f"better-auth.token.{token}")} if way == "protocol" else {}),
                **({"anonymous": True} if way == "message" else {}),
            )
            if way == "message":
                socket.say({"type": "auth", "token": token})
            result = socket.hear()
            assert (result["success"], result["method"]) == (True, method), (token[:4], way)
    by_header = opened(headers={"x-api-key": key}).hear()
    assert by_header["method"] == "api_key"
    assert opened(headers={"Authorization": f"Bearer {jwt}"}).hear()["method"] == "jwt"


def test_a_jwt_s_end_is_the_socket_s(opened: Open, ann: Answer, server: RunningServer) -> None:
    jwt = server.call("GET", "/token", cookie=ann.session_cookie).json["token"]
    result = opened(headers={"Authorization": f"Bearer {jwt}"}).hear()
    assert result["session"] is None
    assert result["expiresAt"] is not None


@pytest.mark.parametrize("spelling", ["token", "access_token", "accessToken"])
@pytest.mark.parametrize("kind", ["auth", "authenticate", None])
def test_clients_of_the_older_kind_send_their_token_first(
    opened: Open, ann: Answer, spelling: str, kind: str | None
) -> None:
    socket = opened(anonymous=True)
    socket.say({**({"type": kind} if kind else {}), spelling: f"Bearer {token_of(ann)}"})
    assert socket.hear()["success"]


def test_the_cookie_of_a_dead_session_is_nobody_s_and_a_token_may_follow(
    opened: Open, server: RunningServer, ann: Answer
) -> None:
    other = server.sign_up(new_email())
    assert server.call("POST", "/sign-out", {}, cookie=other.session_cookie).status == 200
    socket = opened(cookie=other.session_cookie, origin=server.origin)
    socket.say({"type": "auth", "token": token_of(ann)})
    assert socket.hear()["user"]["id"] == ann.json["user"]["id"]


def test_a_token_of_a_revoked_session_is_refused(opened: Open, server: RunningServer) -> None:
    answer = server.sign_up(new_email())
    server.call("POST", "/sign-out", {}, cookie=answer.session_cookie)
    for socket in (
        opened(headers={"Authorization": f"Bearer {token_of(answer)}"}),
        opened(protocols=("better-auth", f"better-auth.token.{token_of(answer)}")),
        opened(anonymous=True),
    ):
        with suppress(ConnectionClosed):
            socket.say({"type": "auth", "token": token_of(answer)})
        assert socket.closed() == (4401, "Invalid token")
        assert told(socket.last_words[0]) == refused("INVALID_TOKEN")


@pytest.mark.parametrize(
    ("message", "code", "error"),
    [
        ({"type": "auth", "token": "nonsense"}, 4401, "INVALID_TOKEN"),
        ({"type": "auth", "token": ""}, 4401, "INVALID_TOKEN"),
        ({"type": "auth", "token": 17}, 4401, "INVALID_TOKEN"),
        ({"type": "auth", "token": "\x00" * 50}, 4401, "INVALID_TOKEN"),
        ({"type": "auth", "token": "x" * 15_000}, 4401, "INVALID_TOKEN"),
        ({"type": "auth", "token": "rt_" + "a" * 67}, 4401, "INVALID_TOKEN"),
        ('{"type":"auth","token":"\\ud800"}', 4400, "INVALID_MESSAGE"),
        ({"type": "hello"}, 4401, "AUTHENTICATION_REQUIRED"),
        ("garbage{", 4400, "INVALID_MESSAGE"),
        ("[" * 5000, 4400, "INVALID_MESSAGE"),
        (b'{"type":"auth"}', 4400, "INVALID_MESSAGE"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_first_message(opened: Open, message: Any, code: int, error: str) -> None:
    socket = opened(anonymous=True)
    socket.say(message)
    assert socket.closed()[0] == code
    assert told(socket.last_words[0]) == refused(error)


def test_no_token_in_time(opened: Open) -> None:
    socket = opened(anonymous=True)
    socket.say({"type": "ping"})
    assert socket.hear() == {"type": "pong"}
    assert socket.closed() == (4401, "no token came in time")
    assert told(socket.last_words[0]) == refused("AUTH_TIMEOUT")


def test_a_token_in_the_query_is_not_taken(opened: Open, ann: Answer) -> None:
    socket = opened(f"/ws/auth/?token={token_of(ann)}", anonymous=True)
    assert socket.closed() == (4401, "no token came in time")


def test_a_banned_user_is_not_let_in(opened: Open, ann: Answer, server: RunningServer) -> None:
    user_id = ann.json["user"]["id"]
    server.database.rows("UPDATE better_auth_users SET banned = true WHERE id = %s", user_id)
    socket = opened(headers={"Authorization": f"Bearer {token_of(ann)}"}, process=1)
    assert socket.closed()[0] == 4401
