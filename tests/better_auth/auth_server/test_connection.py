"""The auth server's client against a real server that behaves and misbehaves; sync and async alike."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured

from better_auth.auth_server.connection import AuthServer, Call, Reply, auth_server, base_of
from better_auth.conf.resource_schema import AuthServerSettings
from better_auth.errors import AuthServerUnavailable
from tests.scripted_server import Asked, HangUp, ScriptedServer, Told

Ask = Callable[[AuthServer, Call], Reply]
OK = Call(operation="ok", method="GET", path="/ok", is_repeatable=True)
POST = Call(operation="post", method="POST", path="/ok", content=b"x")
PATH = "/api/auth/ok"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.answer(PATH, 200, b'{"ok":true}')
        yield running


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    if request.param == "sync":
        return lambda client, call: client.send(call)
    return lambda client, call: async_to_sync(client.asend)(call)


def client_of(server: ScriptedServer, **more: Any) -> AuthServer:
    return AuthServer(AuthServerSettings(url=server.url, **{"timeout_ms": 2000, **more}))


def in_turn(*told: Told | HangUp) -> Callable[[Asked], Told | HangUp]:
    """These answers one after the other, the last one for good."""
    following = itertools.chain(told, itertools.repeat(told[-1]))
    return lambda _: next(following)


def test_the_answer_comes_as_it_is(server: ScriptedServer, ask: Ask) -> None:
    server.answer(PATH, 418, b"\x00short and stout", Set_Cookie="a=b")
    reply = ask(client_of(server), OK)
    assert (reply.status, reply.content, reply.headers["set-cookie"]) == (418, b"\x00short and stout", "a=b")


def test_nothing_passes_from_one_call_to_the_next(server: ScriptedServer, ask: Ask) -> None:
    """A cookie of one caller must never be shown with another's request."""
    server.answer(PATH, 200, b"", Set_Cookie="session=one; Path=/")
    client = client_of(server)
    for _ in range(2):
        ask(client, OK)
    assert [("Cookie" in one.headers, "Authorization" in one.headers) for one in server.asked] == [
        (False, False)
    ] * 2


def test_no_redirect_is_followed(server: ScriptedServer, ask: Ask) -> None:
    server.answer(PATH, 302, b"", Location=f"{server.url}/elsewhere")
    assert ask(client_of(server), OK).status == 302
    assert server.count("/elsewhere") == 0


def test_the_environment_names_no_proxy(
    server: ScriptedServer, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert ask(client_of(server), OK).status == 200


def test_connections_are_used_again(server: ScriptedServer) -> None:
    client = client_of(server)
    for _ in range(5):
        client.send(OK)

    async def several() -> None:
        for _ in range(5):
            await client.asend(OK)

    asyncio.run(several())
    assert (len(server.asked), server.connections) == (10, 2)


def test_each_event_loop_has_connections_of_its_own(server: ScriptedServer) -> None:
    client = client_of(server)
    for _ in range(3):
        assert asyncio.run(client.asend(OK)).status == 200
    assert server.connections == 3


class TestTroubles:
    @pytest.mark.parametrize("trouble", [HangUp(), Told(502), Told(503), Told(504)])
    def test_what_may_be_repeated_is(self, server: ScriptedServer, ask: Ask, trouble: Any) -> None:
        server.answer(PATH, in_turn(trouble, trouble, Told(200, b"at last")))
        assert ask(client_of(server), OK).content == b"at last"
        assert len(server.asked) == 3

    @pytest.mark.parametrize("trouble", [HangUp(), Told(502)])
    def test_what_may_not_is_not(self, server: ScriptedServer, ask: Ask, trouble: Any) -> None:
        server.answer(PATH, in_turn(trouble, Told(200)))
        if isinstance(trouble, Told):
            assert ask(client_of(server), POST).status == 502
        else:
            with pytest.raises(AuthServerUnavailable):
                ask(client_of(server), POST)
        assert len(server.asked) == 1

    @pytest.mark.parametrize(
        "told", [Told(500), Told(429), Told(404), Told(503, headers={"Retry-After": "7"})]
    )
    def test_what_the_server_itself_says_is_left_as_it_is(
        self, server: ScriptedServer, ask: Ask, told: Told
    ) -> None:
        server.answer(PATH, lambda _: told)
        client = client_of(server, breaker_failures=1)
        assert [ask(client, OK).status for _ in range(3)] == [told.status] * 3
        assert len(server.asked) == 3

    def test_what_never_left_is_sent_again_whatever_it_is(self, server: ScriptedServer, ask: Ask) -> None:
        client = client_of(server, breaker_failures=100, timeout_ms=20_000, retries=200)
        server.stop()
        threading.Timer(0.3, server.start).start()
        assert ask(client, POST).status == 200
        assert len(server.asked) == 1

    def test_a_slow_answer_is_not_waited_for(self, server: ScriptedServer, ask: Ask) -> None:
        server.answer(PATH, lambda _: Told(200, b"late", seconds=30))
        with pytest.raises(AuthServerUnavailable):
            ask(client_of(server, timeout_ms=300), OK)
        assert len(server.asked) == 1  # no time is left for another

    def test_nor_one_that_drips(self, server: ScriptedServer, ask: Ask) -> None:
        server.answer(PATH, lambda _: Told(200, [b"x"] * 1000, seconds=0.05))
        with pytest.raises(AuthServerUnavailable):
            ask(client_of(server, timeout_ms=300), OK)

    def test_an_endless_answer_is_not_read(self, server: ScriptedServer, ask: Ask) -> None:
        server.answer(PATH, 200, b"x" * 200_000)
        call = Call(operation="ok", method="GET", path="/ok", longest=100_000)
        with pytest.raises(AuthServerUnavailable):
            ask(client_of(server), call)

    def test_answers_that_are_no_http(self, ask: Ask) -> None:
        import socket

        with socket.create_server(("127.0.0.1", 0)) as listener:

            def talk() -> None:
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    with connection:
                        connection.recv(65536)
                        connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

            threading.Thread(target=talk, daemon=True).start()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with pytest.raises(AuthServerUnavailable):
                ask(AuthServer(AuthServerSettings(url=url)), OK)


class TestBreaker:
    def test_a_dead_server_is_left_alone(self, server: ScriptedServer, ask: Ask) -> None:
        client = client_of(server, breaker_failures=4, retries=1)
        server.answer(PATH, lambda _: HangUp())
        for _ in range(20):
            with pytest.raises(AuthServerUnavailable) as refusal:
                ask(client, OK)
        assert len(server.asked) == 4
        assert 1 <= int(refusal.value.headers["Retry-After"]) <= 3
        assert (refusal.value.status, refusal.value.body["code"]) == (503, "AUTH_SERVER_UNAVAILABLE")

    def test_one_that_comes_back_is_found(self, server: ScriptedServer, ask: Ask) -> None:
        client = client_of(server, breaker_failures=1, breaker_seconds=1, retries=0)
        server.stop()
        with pytest.raises(AuthServerUnavailable):
            ask(client, OK)
        server.start()
        with pytest.raises(AuthServerUnavailable):  # left alone, though it is back
            ask(client, OK)
        threading.Event().wait(1.3)
        assert ask(client, OK).status == 200
        assert ask(client, OK).status == 200

    def test_more_calls_than_connections_are_no_failure(self, server: ScriptedServer) -> None:
        server.answer(PATH, lambda _: Told(200, seconds=1.5))
        client = client_of(server, max_connections=1, breaker_failures=1, timeout_ms=10_000)

        def send(_: int) -> int:
            try:
                return client.send(OK).status
            except AuthServerUnavailable:
                return 503

        with ThreadPoolExecutor(6) as pool:
            outcomes = sorted(pool.map(send, range(6)))
        assert outcomes[0] == 200
        assert outcomes[-1] == 503
        assert not client.breaker.is_open
        assert server.connections == 1


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://auth.example.com", "https://auth.example.com/api/auth"),
        ("https://auth.example.com/", "https://auth.example.com/api/auth"),
        ("http://auth:8000/accounts/", "http://auth:8000/accounts"),
    ],
)
def test_the_base_path_is_the_usual_one_or_the_named_one(url: str, base: str) -> None:
    assert base_of(url) == base


def test_one_client_for_the_settings_in_force(server: ScriptedServer, configure: Any) -> None:
    with pytest.raises(ImproperlyConfigured):
        auth_server()
    configure(AUTH_SERVER={"URL": server.url})
    first = auth_server()
    assert auth_server() is first
    configure(AUTH_SERVER={"URL": "http://127.0.0.1:1"})
    assert auth_server() is not first


def test_a_forked_child_has_connections_of_its_own(server: ScriptedServer, configure: Any) -> None:
    configure(AUTH_SERVER={"URL": server.url})
    assert auth_server().send(OK).status == 200
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if auth_server().send(OK).status == 200 else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert auth_server().send(OK).status == 200
    assert server.connections == 2
