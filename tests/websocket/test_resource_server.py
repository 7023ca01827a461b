"""Sockets of a service that trusts an auth server elsewhere, both in processes of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.resource_project.running import RunningService
from tests.server import Answer, RunningServer, new_email
from tests.sockets import Socket

SERVICE, SECRET = "shop", "shop-secret-0123456789-abcdefghijklm"
NAMED = {"BETTER_AUTH_CLIENT_ID": SERVICE, "BETTER_AUTH_CLIENT_SECRET": SECRET}
LIFETIME = "2"
Opener = Callable[..., Socket]


@pytest.fixture(scope="module")
def auth_server() -> Iterator[RunningServer]:
    with RunningServer(BETTER_AUTH_INTROSPECTION_SECRETS=f"{SERVICE}:{SECRET}") as running:
        yield running


@pytest.fixture(scope="module")
def service(auth_server: RunningServer) -> Iterator[RunningService]:
    """It asks anew after two seconds, and shares no Redis."""
    short = {"BETTER_AUTH_RESOURCE_TOKEN_CACHE_SECONDS": LIFETIME}
    with RunningService(auth_server.origin, interface="asgi", **NAMED, **short) as running:
        yield running


@pytest.fixture
def opened(service: RunningService) -> Iterator[Opener]:
    with ExitStack() as stack:
        yield opener(service, stack)


def opener(service: RunningService, stack: ExitStack) -> Opener:
    def open_socket(token: str = "", path: str = "/whoami", **options: Any) -> Socket:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return stack.enter_context(Socket(service.url, path, headers=headers, **options))

    return open_socket


def tokens_of(server: RunningServer, answer: Answer) -> dict[str, str]:
    """One of each kind that ends with the session."""
    wanted = {form: {"format": form} for form in ("jwt", "opaque")}
    pairs = {
        form: server.call("POST", "/token", body, cookie=answer.session_cookie).json
        for form, body in wanted.items()
    }
    return {"session": answer.json["token"], **{form: pair["access_token"] for form, pair in pairs.items()}}


def test_tokens_of_each_kind_open_sockets_and_end_with_the_session(
    auth_server: RunningServer, opened: Opener
) -> None:
    """Without a shared Redis, within the seconds that an answer is good for."""
    ann = auth_server.sign_up(new_email())
    sockets = {kind: opened(token) for kind, token in tokens_of(auth_server, ann).items()}
    for kind, socket in sockets.items():
        result = socket.hear()
        assert (result["success"], result["user"]["id"]) == (True, ann.json["user"]["id"]), kind
        socket.say("who")
        assert socket.connection.recv().startswith(ann.json["user"]["id"])  # type: ignore[arg-type]
    auth_server.call("POST", "/sign-out", {}, cookie=ann.session_cookie)
    for kind, socket in sockets.items():
        assert socket.closed(seconds=30) == (4441, "revoked"), kind


def test_a_first_message_and_a_protocol_will_do_and_a_cookie_will_not(
    auth_server: RunningServer, opened: Opener
) -> None:
    ann = auth_server.sign_up(new_email())
    token = ann.json["token"]
    by_message = opened()
    by_message.say({"type": "auth", "token": token})
    assert by_message.hear()["success"]
    by_protocol = opened(protocols=("better-auth", f"better-auth.token.{token}"))
    assert by_protocol.connection.subprotocol == "better-auth"
    assert by_protocol.hear()["success"]
    by_cookie = opened(cookie=ann.session_cookie, origin=auth_server.origin)
    by_cookie.say({"type": "hello"})
    assert by_cookie.closed()[0] == 4401


def test_bad_tokens_and_missing_scopes(auth_server: RunningServer, opened: Opener) -> None:
    assert opened("x" * 32).closed() == (4401, "Invalid token")
    ann = auth_server.sign_up(new_email())
    assert opened(ann.json["token"], "/reading").closed() == (4403, "insufficient_scope")


def test_the_next_token_takes_over(auth_server: RunningServer, opened: Opener) -> None:
    ann = auth_server.sign_up(new_email())
    socket = opened(tokens_of(auth_server, ann)["jwt"])
    assert socket.hear()["method"] == "jwt"
    socket.say({"type": "auth", "token": ann.json["token"]})
    assert socket.hear("auth.result")["method"] == "bearer"


def test_where_only_the_auth_server_could_tell_and_is_away() -> None:
    with RunningService("http://127.0.0.1:9", interface="asgi", **NAMED) as alone, ExitStack() as stack:
        socket = opener(alone, stack)("x" * 32)
        assert socket.closed()[0] == 4503
        assert socket.last_words[0]["error"]["code"] == "AUTH_SERVER_UNAVAILABLE"


@pytest.mark.skipif(not os.environ.get("REDIS_URL"), reason="REDIS_URL is not set")
def test_with_a_shared_redis_the_service_is_told(auth_server: RunningServer) -> None:
    """Long before the five minutes that an answer is good for."""
    shared = {name: auth_server.site.settings[name] for name in ("REDIS_URL", "BETTER_AUTH_CACHE_PREFIX")}
    ann = auth_server.sign_up(new_email())
    with (
        RunningService(auth_server.origin, interface="asgi", **NAMED, **shared) as told,
        ExitStack() as stack,
    ):
        opened = opener(told, stack)
        sockets = [opened(token) for token in tokens_of(auth_server, ann).values()]
        assert all(socket.hear()["success"] for socket in sockets)
        auth_server.call("POST", "/sign-out", {}, cookie=ann.session_cookie)
        for socket in sockets:
            assert socket.closed(seconds=30) == (4441, "revoked")
