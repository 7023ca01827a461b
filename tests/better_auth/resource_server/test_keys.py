"""The auth server's key set: fetched once, kept, fetched anew behind the requests, and never for nonsense."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from better_auth.crypto import jws
from better_auth.crypto.jws import ALGORITHMS, Signer
from better_auth.errors import AuthServerUnavailable
from better_auth.resource_server import authentication
from better_auth.resource_server.authentication import TokenRefused
from better_auth.resource_server.key_set import KeySet, read_keys
from better_auth.resource_server.key_source import key_source
from tests.better_auth.resource_server.conftest import JWKS, KID, Authenticate, AuthServer
from tests.scripted_server import Told
from tests.server import wait_for

Later = Callable[[float], None]


def fetches(server: AuthServer) -> int:
    return server.count(JWKS)


def wait_for_fetch(server: AuthServer, number: int) -> None:
    wait_for(lambda: fetches(server) >= number and key_source._flight is None, "the key set")


def test_it_is_fetched_once(server: AuthServer, authenticate: Authenticate) -> None:
    for number in range(20):
        authenticate(server.sign(sub=f"u{number}"))
    assert fetches(server) == 1


def test_many_first_requests_fetch_it_once(server: AuthServer) -> None:
    server.answer(JWKS, lambda _: Told(200, server.jwks(), seconds=0.3))
    tokens = [server.sign(sub=f"u{number}") for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        assert len(list(pool.map(authentication.authenticate, tokens))) == 16
    assert fetches(server) == 1


def test_it_is_fetched_anew_behind_the_requests(
    server: AuthServer, authenticate: Authenticate, later: Later
) -> None:
    token = server.sign()
    authenticate(token)
    gate = threading.Event()
    server.add_key("next")

    def slow(_: Any) -> Told:
        assert gate.wait(30)
        return Told(200, server.jwks())

    server.answer(JWKS, slow)
    later(301)
    for _ in range(5):  # none of them waits for it
        authenticate(token)
        authenticate(server.sign(sub="u2"))
    gate.set()
    wait_for_fetch(server, 2)
    assert authenticate(server.sign(kid="next"))
    assert fetches(server) == 2


def test_a_withdrawn_key_ends_its_tokens(
    server: AuthServer, authenticate: Authenticate, later: Later
) -> None:
    token = server.sign()
    authenticate(token)
    del server.keys[KID]
    server.add_key("successor")
    later(301)
    authenticate(token)  # the set that was kept; a new one comes behind this request
    wait_for_fetch(server, 2)
    for _ in range(2):
        with pytest.raises(TokenRefused):
            authenticate(token)
    assert authenticate(server.sign(kid="successor"))


def test_after_a_silence_it_is_waited_for(
    server: AuthServer, authenticate: Authenticate, later: Later
) -> None:
    """Or the first token after a quiet night would be judged by the keys of yesterday."""
    token = server.sign()
    authenticate(token)
    server.keys.clear()
    later(601)
    with pytest.raises(TokenRefused):
        authenticate(token)
    assert fetches(server) == 2


def test_a_key_that_has_not_changed_need_not_verify_again(
    server: AuthServer, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = server.sign()
    authentication.authenticate(token)
    later(301)
    authentication.authenticate(token)
    wait_for_fetch(server, 2)
    monkeypatch.setattr(jws, "is_signed_by", pytest.fail)
    assert authentication.authenticate(token)


class TestUnknownKeys:
    def test_a_new_key_is_found_at_once(
        self, server: AuthServer, authenticate: Authenticate, later: Later
    ) -> None:
        authenticate(server.sign())
        later(11)
        server.add_key("emergency")
        assert authenticate(server.sign(kid="emergency"))
        assert fetches(server) == 2

    def test_it_is_fetched_once_in_an_interval(
        self, server: AuthServer, authenticate: Authenticate, later: Later
    ) -> None:
        authenticate(server.sign())
        stranger = jws.generate("EdDSA")
        for interval in range(3):
            later(11)
            for number in range(50):
                forged = Signer.of("EdDSA", f"unknown{number}", stranger).sign(orjson.dumps(server.claims()))
                with pytest.raises(TokenRefused):
                    authenticate(forged)
            assert fetches(server) == 2 + interval

    def test_a_fetch_in_vain_is_no_verdict_and_not_repeated_at_once(
        self, server: AuthServer, authenticate: Authenticate, later: Later
    ) -> None:
        authenticate(server.sign())
        later(11)
        server.add_key("new")
        server.answer(JWKS, 500)
        for _ in range(10):
            with pytest.raises(AuthServerUnavailable):
                authenticate(server.sign(kid="new"))
        assert fetches(server) == 2
        assert authenticate(server.sign(sub="u2"))  # by the set that is there
        server.answer(JWKS, 200, server.jwks())
        later(11)
        assert authenticate(server.sign(kid="new"))

    def test_who_needs_no_new_key_does_not_wait_for_one(self, server: AuthServer, later: Later) -> None:
        authentication.authenticate(server.sign())
        later(11)
        server.add_key("new")
        gate, good, unknown = threading.Event(), server.sign(sub="u2"), server.sign(kid="new")

        def slow(_: Any) -> Told:
            assert gate.wait(30)
            return Told(200, server.jwks())

        server.answer(JWKS, slow)
        with ThreadPoolExecutor(4) as pool:
            waiting = [pool.submit(authentication.authenticate, unknown) for _ in range(4)]
            wait_for(lambda: fetches(server) == 2, "the fetch")
            assert authentication.authenticate(good)
            assert not any(one.done() for one in waiting)
            gate.set()
            assert [one.result().user.id for one in waiting] == ["u1"] * 4
        assert fetches(server) == 2


class TestServerDown:
    def test_what_is_kept_goes_on_serving(
        self, server: AuthServer, authenticate: Authenticate, later: Later
    ) -> None:
        authenticate(server.sign())
        server.stop()
        for hours in (0.1, 1, 12, 10.8):
            later(hours * 3600)
            assert authenticate(server.sign(sub=f"at {hours}"))

    def test_but_not_for_ever(self, server: AuthServer, authenticate: Authenticate, later: Later) -> None:
        authenticate(server.sign())
        server.stop()
        later(86401)
        with pytest.raises(AuthServerUnavailable):
            authenticate(server.sign())

    def test_without_keys_there_is_no_verdict(
        self, server: AuthServer, authenticate: Authenticate, later: Later
    ) -> None:
        server.stop()
        for _ in range(3):
            with pytest.raises(AuthServerUnavailable) as refusal:
                authenticate(server.sign())
            assert int(refusal.value.headers["Retry-After"]) >= 1
        server.start()
        later(1.1)
        assert authenticate(server.sign())

    def test_while_it_is_away_it_is_asked_once_a_second(
        self, server: AuthServer, authenticate: Authenticate, later: Later
    ) -> None:
        authenticate(server.sign())
        server.answer(JWKS, 500)
        later(1000)
        for number in range(50):
            authenticate(server.sign(sub=f"u{number}"))
        wait_for(lambda: key_source._flight is None, "the fetch")
        assert fetches(server) == 2


class TestWhatIsFetched:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{}",
            b"[]",
            b"null",
            b'{"keys": {}}',
            b'{"keys": 1}',
            b"<html>",
            b'{"keys": [' + b",".join([b"{}"] * 101) + b"]}",
            b'{"a":' * 5000,
            b"x" * 300_000,
        ],
        ids=lambda body: f"{body[:12]!r} {len(body)}",
    )
    def test_what_is_no_key_set_is_not_taken(
        self, server: AuthServer, authenticate: Authenticate, later: Later, body: bytes
    ) -> None:
        authenticate(server.sign())
        server.answer(JWKS, 200, body)
        later(301)
        authenticate(server.sign(sub="u2"))
        wait_for_fetch(server, 2)
        assert authenticate(server.sign(sub="u3"))

    def test_keys_of_no_use_are_passed_over(self) -> None:
        good = jws.public_jwk("EdDSA", jws.generate("EdDSA"))
        private = jws.private_jwk("EdDSA", jws.generate("EdDSA"))
        odd: list[Any] = [
            1,
            None,
            {},
            {"kid": "a"},
            {**good, "kid": 1},
            {**good, "kid": "../x"},
            {**good, "kid": "b", "alg": "HS256"},
            {**good, "kid": "c", "alg": "none"},
            {**good, "kid": "d", "alg": ["EdDSA"]},
            {**good, "kid": "e", "alg": "ES256"},
            {**good, "kid": "f", "use": "enc"},
            {**good, "kid": "g", "x": "AAAA"},
            {**good, "kid": "h", "x": 1},
            {**private, "kid": "i"},
            {"kty": "oct", "k": "AAAA", "kid": "j"},
            {"kty": "oct", "k": "AAAA", "kid": "k", "alg": "HS256"},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "l", "alg": "RS256"},
            {**good, "kid": "m", "crv": {"a": 1}},
        ]
        fitting = [{**good, "kid": "one"}, {**good, "kid": "two", "alg": "EdDSA", "use": "sig"}]
        keys = read_keys(orjson.dumps({"keys": [*odd, *fitting]}), None)
        assert {kid: key.algorithm for kid, key in keys.items()} == {"one": "EdDSA", "two": "EdDSA"}

    def test_a_key_that_names_no_algorithm_has_the_usual_one(self) -> None:
        bare = [{**jws.public_jwk(one, jws.generate(one)), "kid": one} for one in ALGORITHMS]
        keys = read_keys(orjson.dumps({"keys": bare}), None)
        assert [key.algorithm for key in keys.values()] == list(ALGORITHMS)

    def test_of_two_keys_with_one_name_the_first_counts(self, caplog: pytest.LogCaptureFixture) -> None:
        """D14: the second can't take the place of the first."""
        jwks = [{**jws.public_jwk("EdDSA", jws.generate("EdDSA")), "kid": "same"} for _ in range(2)]
        with caplog.at_level(logging.WARNING):
            keys = read_keys(orjson.dumps({"keys": jwks}), None)
        assert keys["same"].jwk == jwks[0]
        assert "one name" in caplog.text

    @pytest.mark.parametrize(
        ("cache_control", "fresh_for"),
        [
            ("public, max-age=120", 120),
            ("max-age=0", 10),
            ("max-age=99999", 300),
            ("no-store", 300),
            ("max-age=" + "9" * 50, 300),
            ("", 300),
        ],
    )
    def test_for_how_long_it_is_fresh(self, server: AuthServer, cache_control: str, fresh_for: float) -> None:
        server.answer(JWKS, 200, server.jwks(), Cache_Control=cache_control)
        authentication.authenticate(server.sign())
        kept = key_source.current()
        assert isinstance(kept, KeySet)
        assert kept.fresh_for == fresh_for
