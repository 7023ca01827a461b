"""Consumers of a host behind the middleware: who they see, whom they let in, and what they are spared."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server import Answer, RunningServer, new_email
from tests.websocket.conftest import Open


def test_a_plain_consumer_finds_the_user_in_its_scope_and_no_token(opened: Open, ann: Answer) -> None:
    token, user_id = ann.json["token"], ann.json["user"]["id"]
    socket = opened("/plain", protocols=("better-auth", "chat.v1", f"better-auth.token.{token}"))
    assert socket.connection.subprotocol == "better-auth"
    assert socket.hear()["success"]
    socket.say("who")
    assert socket.connection.recv() == f"{user_id} {user_id} bearer better-auth,chat.v1"


def test_a_consumer_s_user_is_there_on_the_event_loop_and_without_stopping_it(
    opened: Open, ann: Answer
) -> None:
    email = ann.json["user"]["email"]
    mine = opened("/mine")
    assert mine.hear()["success"]
    assert mine.hear() == {"type": "mine", "email": email, "same": True}
    for _ in range(2):  # the second is selected at its handshake
        socket = opened("/plain")
        socket.hear()
        socket.say("user")
        assert socket.connection.recv() == email


def test_what_is_not_ours_is_the_consumer_s(opened: Open) -> None:
    socket = opened("/plain")
    socket.hear()
    for text in ('{"type":"message"}', "[1]", "ping", '{"token":"x"}'):
        socket.say(text)
        assert socket.connection.recv() == f"echo {text}"
    socket.say(b"\x00\xff")
    assert socket.connection.recv() == b"\x00\xff"
    socket.say({"type": "ping"})
    assert socket.hear() == {"type": "pong"}


def test_after_a_first_message_the_consumer_is_connected_as_ever(opened: Open, ann: Answer) -> None:
    socket = opened("/plain", anonymous=True)
    socket.say({"type": "auth", "token": ann.json["token"]})
    assert socket.hear("auth.result")["success"]
    socket.say("hello")
    assert socket.connection.recv() == "echo hello"


def test_nobody_reaches_a_consumer_unknown(opened: Open) -> None:
    socket = opened("/plain", anonymous=True)
    socket.say("hello")
    assert socket.closed()[0] == 4400


def test_a_consumer_s_refusal_and_fault_have_codes(opened: Open) -> None:
    assert opened("/refusing").closed()[0] == 4403
    failing = opened("/plain")
    failing.say("fail")
    assert failing.closed()[0] == 1011


def test_consumers_in_two_processes_reach_each_other(opened: Open, server: RunningServer) -> None:
    here, there = opened("/chat"), opened("/chat", process=1 if "REDIS_URL" in server.site.settings else 0)
    assert here.hear()["success"]
    assert there.hear()["success"]
    here.say({"hello": 1})
    said = {"type": "said", "by": "Ann", "text": {"hello": 1}, "fresh": True}
    assert (here.hear(), there.hear()) == (said, said)


@pytest.mark.parametrize("path", ["/chat", "/echo"])
def test_a_consumer_hears_of_a_change(opened: Open, server: RunningServer, ann: Answer, path: str) -> None:
    socket = opened(path)
    assert socket.hear()["success"]
    server.call("POST", "/update-user", {"name": "Bea"}, cookie=ann.session_cookie)
    assert socket.hear("changed")["name"] == "Bea"
    socket.say({"x": 1})
    assert socket.hear().get("by", "Bea") == "Bea"


@pytest.mark.parametrize("path", ["/chat", "/echo"])
@pytest.mark.parametrize("message", ["garbage{", b"\x00"], ids=["text", "bytes"])
def test_garbage_closes_a_json_consumer(opened: Open, path: str, message: Any) -> None:
    socket = opened(path)
    socket.say(message)
    assert socket.closed() == (4400, "no JSON")


def test_permissions_are_asked_at_the_door(opened: Open, ann: Answer, server: RunningServer) -> None:
    def turned_away(path: str, code: str, **options: Any) -> None:
        socket = opened(path, **options)
        assert socket.closed() == (4403, code.lower())
        assert socket.last_words[-1]["error"]["code"] == code

    cookie = ann.session_cookie
    jwt = server.call("GET", "/token", cookie=cookie).json["token"]
    plain = server.call("POST", "/api-key/create", {"name": "plain"}, cookie=cookie).json["key"]
    turned_away("/verified", "EMAIL_NOT_VERIFIED")
    turned_away("/echo", "UNAUTHORIZED", headers={"Authorization": f"Bearer {jwt}"})
    turned_away("/fresh", "SESSION_NOT_FRESH", headers={"Authorization": f"Bearer {jwt}"})
    turned_away("/files", "INSUFFICIENT_API_KEY_PERMISSIONS")
    turned_away("/files", "INSUFFICIENT_API_KEY_PERMISSIONS", headers={"x-api-key": plain})
    turned_away("/members", "YOU_ARE_NOT_ALLOWED")
    assert opened("/fresh").hear()["success"]


def test_an_api_key_with_the_permission_is_let_in(opened: Open, ann: Answer, server: RunningServer) -> None:
    made = server.site.manage(
        "create_api_key",
        "--user",
        ann.json["user"]["email"],
        "--permission",
        "files:read",
        "--name",
        "reader",
    )
    assert made.returncode == 0, made.stdout
    key = made.stdout.partition("only this once:")[2].split()[0]
    assert opened("/files", headers={"x-api-key": key}).hear()["method"] == "api_key"


def test_who_loses_a_right_is_turned_away_from_the_open_socket(
    opened: Open, ann: Answer, server: RunningServer
) -> None:
    cookie = ann.session_cookie
    made = server.call(
        "POST", "/organization/create", {"name": "Acme", "slug": new_email()[:18]}, cookie=cookie
    )
    assert made.status == 200, made.content
    bea = server.sign_up(new_email("bea"))
    email = bea.json["user"]["email"]
    invited = server.call(
        "POST",
        "/organization/invite-member",
        {"email": email, "role": "admin", "organizationId": made.json["id"]},
        cookie=cookie,
    ).json
    joined = server.call(
        "POST", "/organization/accept-invitation", {"invitationId": invited["id"]}, cookie=bea.session_cookie
    )
    assert joined.status == 200, joined.content
    socket = opened("/members", cookie=bea.session_cookie, origin=server.origin, process=1)
    assert socket.hear()["success"]
    member = joined.json["member"]["id"]
    changed = server.call(
        "POST",
        "/organization/update-member-role",
        {"memberId": member, "role": "member", "organizationId": made.json["id"]},
        cookie=cookie,
    )
    assert changed.status == 200, changed.content
    assert socket.closed() == (4403, "you_are_not_allowed")
