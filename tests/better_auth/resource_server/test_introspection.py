"""Opaque tokens: the auth server is asked once, its answer kept within bounds, nothing made up without it."""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from better_auth.errors import AuthServerUnavailable
from better_auth.resource_server import authentication, introspection
from better_auth.resource_server.authentication import TokenRefused, aauthenticate
from tests.better_auth.resource_server.conftest import (
    CLIENT_ID,
    CLIENT_SECRET,
    INTROSPECT,
    JWKS,
    Authenticate,
    AuthServer,
)
from tests.conftest import FrozenTime
from tests.scripted_server import Asked, Told
from tests.server import wait_for

Later = Callable[[float], None]
TOKEN = "t" * 32


def questions(server: AuthServer) -> int:
    return server.count(INTROSPECT)


def is_refused(authenticate: Authenticate, token: str) -> bool:
    try:
        authenticate(token)
    except TokenRefused:
        return True
    return False


class TestAsking:
    @pytest.mark.parametrize(
        "token",
        [
            TOKEN,
            f"{TOKEN}.{'A' * 43}=",
            f"{TOKEN}.a%2Bb%2Fc%3D",
            "at_" + "x" * 85,
            "key_" + "x" * 64,
            "abcdABC019-._~+/==",
        ],
    )
    def test_a_good_token(self, server: AuthServer, authenticate: Authenticate, token: str) -> None:
        server.give_out(token, name="Ann", email_verified=True, scope="read")
        principal = authenticate(token)
        user = principal.user
        assert (user.id, user.email, user.name, user.email_verified) == ("u1", "ann@example.com", "Ann", True)
        assert (principal.method, principal.scopes) == ("bearer", {"read"})
        assert "active" not in principal.claims

    def test_who_asks_says_so(self, server: AuthServer, authenticate: Authenticate) -> None:
        authenticate(server.give_out(TOKEN))
        (asked,) = server.asked
        secret = base64.b64decode(asked.headers["Authorization"].removeprefix("Basic ")).decode()
        assert secret == f"{CLIENT_ID}:{CLIENT_SECRET}"
        assert (asked.method, asked.path) == ("POST", INTROSPECT)
        assert TOKEN not in asked.path

    def test_a_bad_token(self, server: AuthServer, authenticate: Authenticate) -> None:
        assert is_refused(authenticate, TOKEN)

    def test_a_service_without_a_name_takes_none(
        self, server: AuthServer, authenticate: Authenticate, trust: Any
    ) -> None:
        trust(AUTH_SERVER={"CLIENT_ID": None, "CLIENT_SECRET": None})
        assert is_refused(authenticate, server.give_out(TOKEN))
        assert authenticate(server.sign())
        assert questions(server) == 0

    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "https://other.example"},
            {"aud": "https://other.example"},
            {"aud": []},
            {"sub": ""},
            {"sub": None},
            {"sub": 7},
            {"exp": 1},
            {"exp": "tomorrow"},
            {"exp": True},
            {"nbf": 9999999999},
            {"iat": 9999999999},
            {"active": False},
        ],
        ids=str,
    )
    def test_an_answer_that_is_not_for_us(
        self, server: AuthServer, authenticate: Authenticate, claims: dict[str, Any]
    ) -> None:
        assert is_refused(authenticate, server.give_out(TOKEN, **claims))

    @pytest.mark.parametrize(
        "left_out", ["iss", "aud", "exp", "iat", "username", "method", "sid", "token_type"]
    )
    def test_members_that_may_be_missing(
        self, server: AuthServer, authenticate: Authenticate, left_out: str
    ) -> None:
        """RFC 7662, section 2.2: an auth server of another make, or a key without an end."""
        server.give_out(TOKEN)
        del server.tokens[TOKEN][left_out]
        assert authenticate(TOKEN).user.id == "u1"

    def test_a_token_that_was_made_for_this_service_by_its_name(
        self, server: AuthServer, authenticate: Authenticate
    ) -> None:
        assert authenticate(server.give_out(TOKEN, aud=["blog", CLIENT_ID]))


class TestKept:
    def test_the_answer_is_kept(self, server: AuthServer, authenticate: Authenticate, later: Later) -> None:
        server.give_out(TOKEN)
        for _ in range(5):
            authenticate(TOKEN)
            later(59)
        assert questions(server) == 1
        later(10)
        authenticate(TOKEN)
        assert questions(server) == 2

    def test_a_revocation_is_noticed_within_the_bound(
        self, server: AuthServer, authenticate: Authenticate, later: Later
    ) -> None:
        authenticate(server.give_out(TOKEN))
        server.tokens.clear()
        later(299)
        assert authenticate(TOKEN)
        later(2)
        assert is_refused(authenticate, TOKEN)

    def test_the_bound_counts_from_the_question(
        self, server: AuthServer, authenticate: Authenticate, later: Later
    ) -> None:
        """A slow answer tells what was, not what is."""
        server.give_out(TOKEN)

        def slow(asked: Asked) -> Told:
            later(200)
            return server.introspect(asked)

        server.answer(INTROSPECT, slow)
        authenticate(TOKEN)
        later(101)
        authenticate(TOKEN)
        assert questions(server) == 2

    def test_never_past_the_tokens_end(
        self, server: AuthServer, authenticate: Authenticate, frozen_time: FrozenTime
    ) -> None:
        server.give_out(TOKEN, exp=int(frozen_time.now.timestamp()) + 60)
        authenticate(TOKEN)
        frozen_time.advance(seconds=61)
        assert is_refused(authenticate, TOKEN)
        assert questions(server) == 1

    def test_a_refusal_is_kept_for_a_short_while(
        self, server: AuthServer, authenticate: Authenticate, later: Later
    ) -> None:
        for _ in range(20):
            assert is_refused(authenticate, TOKEN)
        assert questions(server) == 1
        server.give_out(TOKEN)
        later(10.1)
        assert authenticate(TOKEN)

    def test_it_can_be_switched_off(self, server: AuthServer, authenticate: Authenticate, trust: Any) -> None:
        trust(RESOURCE_SERVER={"TOKEN_CACHE_SECONDS": 0, "REFUSED_CACHE_SECONDS": 0})
        server.give_out(TOKEN)
        for _ in range(3):
            assert authenticate(TOKEN)
            assert is_refused(authenticate, "x" * 32)
        assert questions(server) == 6

    def test_no_token_is_kept_as_it_is(self, server: AuthServer) -> None:
        authentication.authenticate(server.give_out(TOKEN))
        is_refused(authentication.authenticate, "x" * 32)
        cache = introspection._cache()
        kept = [*cache.accepted._entries, *cache.refused._entries]
        assert len(kept) == 2
        assert {len(one) for one in kept} == {16}


class TestManyAtOnce:
    def test_of_many_who_show_one_token_one_asks(self, server: AuthServer) -> None:
        server.give_out(TOKEN)
        server.answer(INTROSPECT, slowly(server, 0.3))
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(authentication.authenticate, [TOKEN] * 16))
        assert {one.user.id for one in found} == {"u1"}
        assert questions(server) == 1

    def test_on_an_event_loop_too(self, server: AuthServer) -> None:
        server.give_out(TOKEN)
        server.answer(INTROSPECT, slowly(server, 0.3))

        async def ask() -> list[str]:
            found = await asyncio.gather(*(aauthenticate(TOKEN) for _ in range(50)))
            return [one.user.id for one in found]

        assert asyncio.run(ask()) == ["u1"] * 50
        assert questions(server) == 1

    def test_threads_and_event_loops_wait_for_each_other(self, server: AuthServer) -> None:
        server.give_out(TOKEN)
        server.answer(INTROSPECT, slowly(server, 0.5))

        async def ask() -> str:
            return (await aauthenticate(TOKEN)).user.id

        with ThreadPoolExecutor(8) as pool:
            by_loops = [pool.submit(asyncio.run, ask()) for _ in range(4)]
            by_threads = [pool.submit(authentication.authenticate, TOKEN) for _ in range(4)]
            assert [one.result() for one in by_loops] == ["u1"] * 4
            assert [one.result().user.id for one in by_threads] == ["u1"] * 4
        assert questions(server) == 1

    def test_who_goes_away_while_asking_takes_nobody_along(self, server: AuthServer) -> None:
        """A client that hangs up has its task cancelled."""
        server.give_out(TOKEN)
        server.answer(INTROSPECT, slowly(server, 0.4))

        async def ask() -> list[Any]:
            first = asyncio.create_task(aauthenticate(TOKEN))
            await asyncio.sleep(0.1)
            others = [asyncio.create_task(aauthenticate(TOKEN)) for _ in range(5)]
            await asyncio.sleep(0.1)
            first.cancel()
            others[0].cancel()
            return await asyncio.gather(first, *others, return_exceptions=True)

        first, other, *rest = asyncio.run(ask())
        assert isinstance(first, asyncio.CancelledError)
        assert isinstance(other, asyncio.CancelledError)
        assert [one.user.id for one in rest] == ["u1"] * 4
        assert introspection._cache()._flights == {}

    def test_when_it_fails_all_who_waited_hear_of_it(self, server: AuthServer) -> None:
        server.answer(INTROSPECT, lambda _: Told(500, seconds=0.3))

        def ask(_: int) -> str:
            try:
                authentication.authenticate(TOKEN)
            except AuthServerUnavailable:
                return "unavailable"
            return "accepted"

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, range(8))) == ["unavailable"] * 8
        assert introspection._cache()._flights == {}


def slowly(server: AuthServer, seconds: float) -> Callable[[Asked], Told]:
    def answer(asked: Asked) -> Told:
        threading.Event().wait(seconds)
        return server.introspect(asked)

    return answer


class TestNoAnswer:
    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, b""),
            (200, b"[]"),
            (200, b"<html>captive portal</html>"),
            (200, b"{}"),
            (200, b'{"active": "true"}'),
            (200, b'{"active": 1}'),
            (200, b'{"active": null}'),
            (200, b'{"active": true'),
            (200, b'{"a":' * 5000),
            (200, b'{"active": true, "x": "' + b"x" * 70_000 + b'"}'),
            (204, b""),
            (302, b""),
            (400, b'{"active": true}'),
            (401, b'{"error": "invalid_client"}'),
            (403, b""),
            (404, b""),
            (429, b""),
            (500, b'{"active": true}'),
            (502, b""),
            (503, b""),
        ],
        ids=str,
    )
    def test_what_is_no_answer_is_no_verdict(
        self, server: AuthServer, authenticate: Authenticate, status: int, body: bytes
    ) -> None:
        server.answer(INTROSPECT, status, body)
        with pytest.raises(AuthServerUnavailable) as refusal:
            authenticate(TOKEN)
        assert int(refusal.value.headers["Retry-After"]) >= 1
        server.answer(INTROSPECT, server.introspect)
        assert authenticate(server.give_out(TOKEN))  # nothing of it was kept

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"Retry-After": "7"}, 7),
            ({"X-Retry-After": "9"}, 9),
            ({"Retry-After": "86400"}, 60),
            ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 1),
            ({"Retry-After": "-1"}, 1),
            ({"Retry-After": "\xb2"}, 1),
        ],
        ids=str,
    )
    def test_its_own_time_to_come_again_is_handed_on(
        self, server: AuthServer, authenticate: Authenticate, headers: dict[str, str], seconds: int
    ) -> None:
        server.answer(INTROSPECT, lambda _: Told(429, headers=headers))
        with pytest.raises(AuthServerUnavailable) as refusal:
            authenticate(TOKEN)
        assert refusal.value.retry_after == seconds

    def test_a_server_that_is_away_leaves_what_is_kept(
        self, server: AuthServer, authenticate: Authenticate, later: Later
    ) -> None:
        authenticate(server.give_out(TOKEN))
        assert is_refused(authenticate, "x" * 32)
        authenticate(server.sign())
        server.stop()
        assert authenticate(TOKEN)
        assert is_refused(authenticate, "x" * 32)
        assert authenticate(server.sign(sub="u2"))
        for unknown in ("y" * 32, server.give_out("z" * 32)):
            with pytest.raises(AuthServerUnavailable):
                authenticate(unknown)
        later(301)
        for old in (TOKEN, "x" * 32):
            with pytest.raises(AuthServerUnavailable):  # neither a yes nor a no
                authenticate(old)
        server.start()
        assert authenticate(TOKEN)
        assert is_refused(authenticate, "x" * 32)

    def test_the_breaker_holds_questions_back(
        self, server: AuthServer, authenticate: Authenticate, trust: Any
    ) -> None:
        trust(AUTH_SERVER={"BREAKER_FAILURES": 3, "BREAKER_SECONDS": 30})
        server.answer(INTROSPECT, 502)
        for number in range(20):
            with pytest.raises(AuthServerUnavailable):
                authenticate(f"{number:032d}")
        assert questions(server) == 3

    def test_no_token_and_no_secret_is_logged(
        self, server: AuthServer, authenticate: Authenticate, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, "better_auth")
        for status in (200, 401, 500):
            server.answer(INTROSPECT, status, b"<html>")
            with pytest.raises(AuthServerUnavailable):
                authenticate(TOKEN)
        assert TOKEN not in caplog.text
        assert CLIENT_SECRET not in caplog.text


class TestJwtsThatNoKeySetKnows:
    """Legacy tokens and HS256 ones: asked about where the settings want it."""

    @pytest.fixture
    def legacy(self, server: AuthServer) -> str:
        import jwt

        claims = {"token_type": "access", "user_id": 1, "exp": server.claims()["exp"]}
        token = jwt.encode(claims, "s" * 40, algorithm="HS256")
        return server.give_out(token, method="legacy_jwt")

    def test_not_unless_they_are_wanted(
        self, server: AuthServer, authenticate: Authenticate, legacy: str
    ) -> None:
        assert is_refused(authenticate, legacy)
        assert server.asked == []

    def test_where_they_are(
        self, server: AuthServer, authenticate: Authenticate, trust: Any, legacy: str
    ) -> None:
        trust(RESOURCE_SERVER={"INTROSPECT_JWTS": True})
        for _ in range(3):
            assert authenticate(legacy).method == "legacy_jwt"
        assert (questions(server), server.count(JWKS)) == (1, 0)

    @pytest.mark.parametrize(
        "change",
        [
            {"claims": {"iss": "https://other.example"}},
            {"claims": {"exp": 1}},
            {"claims": {"exp": None}},
            {"header": {"alg": "none"}},
            {"header": {"alg": "HS256", "jku": "http://127.0.0.1:1/"}},
            {"header": {"alg": ["HS256"]}},
        ],
        ids=str,
    )
    def test_but_not_those_that_would_be_refused_anyway(
        self, server: AuthServer, authenticate: Authenticate, trust: Any, change: dict[str, Any]
    ) -> None:
        from better_auth.crypto.jose import base64url_encode

        trust(RESOURCE_SERVER={"INTROSPECT_JWTS": True})
        header = change.get("header", {"alg": "HS256", "typ": "JWT"})
        claims = {"user_id": 1, "exp": server.claims()["exp"], **change.get("claims", {})}
        parts = [base64url_encode(orjson.dumps(part)) for part in (header, claims)]
        assert is_refused(authenticate, server.give_out(".".join([*parts, "A" * 43])))
        assert server.asked == []


class TestBounds:
    def test_many_bad_tokens_drive_out_no_good_one(self, server: AuthServer, trust: Any) -> None:
        trust(RESOURCE_SERVER={"TOKEN_CACHE_ENTRIES": 50})
        authentication.authenticate(server.give_out(TOKEN))
        for number in range(200):
            assert is_refused(authentication.authenticate, f"{number:032d}")
        cache = introspection._cache()
        assert (len(cache.accepted), len(cache.refused)) == (1, 50)
        asked = questions(server)
        authentication.authenticate(TOKEN)
        assert questions(server) == asked

    def test_a_flood_of_unknown_tokens_leaves_nothing_behind(
        self, server: AuthServer, trust: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Some minutes of a thousand a second: the answers are the server's own, without the way to it."""
        trust(RESOURCE_SERVER={"TOKEN_CACHE_ENTRIES": 1_000})
        inactive = introspection.Reply(200, {}, b'{"active":false}')  # type: ignore[arg-type]

        class Near:
            def send(self, call: Any) -> Any:
                return inactive

        monkeypatch.setattr("better_auth.resource_server.waiting.auth_server", Near)

        def flood(begin: int) -> None:
            for number in range(begin, begin + 20_000):
                assert is_refused(authentication.authenticate, f"{number:032d}")

        flood(0)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for round_ in range(1, 6):
                flood(round_ * 20_000)
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert grown < 500_000
        assert len(introspection._cache().refused) == 1_000


def test_a_dead_connection_is_replaced(server: AuthServer, trust: Any) -> None:
    """The server was restarted: what is left in the pool leads nowhere."""
    trust(AUTH_SERVER={"RETRIES": 2})
    authentication.authenticate(server.give_out(TOKEN))
    server.stop()
    server.start()
    assert authentication.authenticate(server.give_out("u" * 32))
    wait_for(lambda: questions(server) == 2, "the second question")
