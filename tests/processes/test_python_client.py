"""The Python client against real servers: signing in, refreshing, calling; sync and async alike."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from better_auth.client import (
    AsyncAuthClient,
    AuthClient,
    InvalidCredentials,
    NotSignedIn,
    ServerUnavailable,
    Tokens,
)
from tests.server import PASSWORD, RunningServer, new_email

VERIFY = "/api/auth-proxy/verify"


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with RunningServer(processes=2, interface=request.param) as running:
        yield running


class Waiting:
    """The async client, as if it were the other one."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = AsyncAuthClient(*arguments, **options)

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()

    @property
    def tokens(self) -> Tokens | None:
        return self._client.tokens

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments, **options: self._loop.run_until_complete(
            getattr(self._client, name)(*arguments, **options)
        )


@pytest.fixture(params=[AuthClient, Waiting], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def email(server: RunningServer) -> str:
    address = new_email("robot")
    server.sign_up(address)
    return address


def without_time(tokens: Tokens | None, **changes: Any) -> Tokens:
    """Tokens of which the client can't know that they are over."""
    assert tokens is not None
    given = {"access_token": tokens.access_token, "refresh_token": tokens.refresh_token}
    return Tokens(**{**given, **changes})


def test_sign_in_call_refresh_sign_out(connect: Any, server: RunningServer, email: str) -> None:
    changes: list[Tokens | None] = []
    with connect(server.origin, on_change=changes.append) as client:
        first = client.sign_in(email, PASSWORD)
        who = client.request("GET", VERIFY)
        assert who.json()["user"]["email"] == email
        second = client.refresh()
        assert second.access_token != first.access_token
        assert second.refresh_token != first.refresh_token
        assert client.request("GET", server.urls[1] + VERIFY).status_code == 200
        client.sign_out()
        assert (client.tokens, changes) == (None, [first, second, None])


def test_a_wrong_password_is_told(connect: Any, server: RunningServer, email: str) -> None:
    with connect(server.origin) as client:
        with pytest.raises(InvalidCredentials) as refusal:
            client.sign_in(email, "wrong password")
        assert (refusal.value.status, refusal.value.code) == (401, "INVALID_EMAIL_OR_PASSWORD")


def test_a_token_is_refreshed_before_its_end(connect: Any, server: RunningServer, email: str) -> None:
    with connect(server.origin) as client:
        tokens = client.sign_in(email, PASSWORD)
    due = Tokens("not even sent", tokens.refresh_token, expires_at=0)
    with connect(server.origin, tokens=due) as client:
        assert client.request("GET", VERIFY).status_code == 200
        assert client.tokens.refresh_token != tokens.refresh_token


def test_a_token_that_is_refused_is_refreshed_once(connect: Any, server: RunningServer, email: str) -> None:
    with connect(server.origin) as client:
        tokens = client.sign_in(email, PASSWORD)
    with connect(server.origin, tokens=without_time(tokens, access_token="stale")) as client:
        answer = client.request("POST", VERIFY)
        assert (answer.status_code, answer.json()["user"]["email"]) == (200, email)


def test_who_was_signed_out_must_sign_in_again(connect: Any, server: RunningServer, email: str) -> None:
    with connect(server.origin) as client:
        tokens = client.sign_in(email, PASSWORD)
        client.sign_out()
    changes: list[Tokens | None] = []
    with connect(server.origin, tokens=tokens, on_change=changes.append) as client:
        with pytest.raises(NotSignedIn) as refusal:
            client.request("GET", VERIFY)
        assert refusal.value.code == "INVALID_REFRESH_TOKEN"
        assert (client.tokens, changes) == (None, [None])


def test_a_session_token_serves_as_well(connect: Any, server: RunningServer, email: str) -> None:
    token = server.sign_in(email).json["token"]
    with connect(server.origin, tokens=Tokens(token)) as client:
        for _ in range(2):  # no cookie is kept, which would ask for an origin
            assert client.request("POST", "/api/auth/update-user", json={"name": "Robot"}).status_code == 200


def test_of_many_threads_one_refreshes(server: RunningServer, email: str) -> None:
    changes: list[Tokens | None] = []
    with AuthClient(server.origin) as client:
        tokens = client.sign_in(email, PASSWORD)
    stale, barrier = without_time(tokens, access_token="stale"), threading.Barrier(16)
    with AuthClient(server.origin, tokens=stale, on_change=changes.append) as client:

        def call(_: int) -> int:
            barrier.wait()
            return client.request("GET", VERIFY).status_code

        with ThreadPoolExecutor(16) as pool:
            assert list(pool.map(call, range(16))) == [200] * 16
    assert len(changes) == 1


def test_of_many_tasks_one_refreshes(server: RunningServer, email: str) -> None:
    changes: list[Tokens | None] = []

    async def run() -> list[int]:
        async with AsyncAuthClient(server.origin) as client:
            tokens = await client.sign_in(email, PASSWORD)
        stale = without_time(tokens, access_token="stale")
        async with AsyncAuthClient(server.origin, tokens=stale, on_change=changes.append) as client:
            answers = await asyncio.gather(*(client.request("GET", VERIFY) for _ in range(16)))
            return [one.status_code for one in answers]

    assert asyncio.run(run()) == [200] * 16
    assert len(changes) == 1


def test_an_httpx_client_of_ones_own_may_call(server: RunningServer, email: str) -> None:
    with AuthClient(server.origin) as client:
        client.sign_in(email, PASSWORD)
        with httpx.Client(base_url=server.origin, auth=client.auth) as http:
            assert http.get(VERIFY).json()["user"]["email"] == email


def test_nobody_there(connect: Any) -> None:
    with connect("http://127.0.0.1:9") as client, pytest.raises(ServerUnavailable):
        client.sign_in("robot@example.com", PASSWORD)
