"""JWTs: what the auth server has signed for us is good; whatever else comes is refused and costs nothing."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.exceptions import SynchronousOnlyOperation

from better_auth.crypto.jose import base64url_encode
from better_auth.crypto.jws import header_of
from better_auth.errors import AuthServerUnavailable
from better_auth.resource_server import authentication, local_verification
from better_auth.resource_server.authentication import TokenRefused, aauthenticate
from tests.better_auth.resource_server.conftest import INTROSPECT, JWKS, KID, Authenticate, AuthServer
from tests.conftest import FrozenTime
from tests.forged_tokens import BAD_CLAIMS, BAD_PAYLOADS, NAMES, Genuine, forgeries, with_header


def genuine(server: AuthServer) -> Genuine:
    key = server.keys[KID][1].public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return Genuine(server.sign(), server.claims(), KID, pem, server.jwks())


def test_a_token_of_the_auth_server_is_good(server: AuthServer, authenticate: Authenticate) -> None:
    principal = authenticate(server.sign(scope="read write"))
    user = principal.user
    assert (user.id, user.pk, user.email, user.name) == ("u1", "u1", "ann@example.com", "Ann")
    assert (user.is_authenticated, user.is_anonymous, user.email_verified) == (True, False, True)
    assert (principal.method, principal.scopes) == ("jwt", {"read", "write"})
    assert [one.path for one in server.asked] == [JWKS]


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_whatever_the_algorithm_of_its_keys(
    server: AuthServer, authenticate: Authenticate, algorithm: Any
) -> None:
    server.add_key("another", algorithm)
    assert authenticate(server.sign(kid="another")).user.id == "u1"


def test_a_header_that_is_written_in_another_way(server: AuthServer, authenticate: Authenticate) -> None:
    """As other libraries write it: with a type, and its members in another order."""
    import jwt

    algorithm, key = server.keys[KID]
    token = jwt.encode(server.claims(), key, algorithm=algorithm, headers={"kid": KID})
    assert authenticate(token).user.id == "u1"


def signed_under(server: AuthServer, header: dict[str, Any]) -> str:
    """With the key of the auth server over this header."""
    signed = f"{base64url_encode(orjson.dumps(header))}.{base64url_encode(orjson.dumps(server.claims()))}"
    return f"{signed}.{base64url_encode(server.keys[KID][1].sign(signed.encode()))}"


class TestRefused:
    @pytest.mark.parametrize("algorithm", ["ES256", "RS256", "HS256", "none", "Ed25519", "eddsa"])
    def test_a_good_signature_under_the_name_of_another_algorithm(
        self, server: AuthServer, authenticate: Authenticate, algorithm: str
    ) -> None:
        """D5: the key has one algorithm, whatever the header says."""
        assert authenticate(signed_under(server, {"alg": "EdDSA", "kid": KID}))
        with pytest.raises(TokenRefused):
            authenticate(signed_under(server, {"alg": algorithm, "kid": KID}))

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("seen", [True, False], ids=["with keys", "without keys"])
    def test_a_forgery(self, server: AuthServer, authenticate: Authenticate, name: str, seen: bool) -> None:
        if seen:
            authenticate(server.sign())
        before = len(server.asked)
        with pytest.raises(TokenRefused) as refusal:
            authenticate(forgeries(genuine(server))[name])
        assert refusal.value.status == 401
        assert 'error="invalid_token"' in refusal.value.headers["WWW-Authenticate"]
        asked = [one.path for one in server.asked[before:]]
        # Only a signature, or a key that might be new, is a reason to have the keys.
        assert asked in ([], [JWKS])
        assert INTROSPECT not in asked

    @pytest.mark.parametrize("claims", BAD_CLAIMS, ids=str)
    def test_claims_that_are_not_for_us(
        self, server: AuthServer, authenticate: Authenticate, claims: dict[str, Any]
    ) -> None:
        if claims.get("iss") in ("http://testserver/", ["http://testserver"]):
            claims = {"iss": server.url + "/"}
        token = server.sign(**claims)
        for _ in range(2):
            with pytest.raises(TokenRefused):
                authenticate(token)

    @pytest.mark.parametrize("claim", ["exp", "iss", "sub", "aud"])
    def test_claims_that_must_be_there(
        self, server: AuthServer, authenticate: Authenticate, claim: str
    ) -> None:
        claims = server.claims()
        del claims[claim]
        with pytest.raises(TokenRefused):
            authenticate(server.sign(claims))

    @pytest.mark.parametrize(
        "audience", ["https://other.example", [], ["https://other.example"], "", None, 1]
    )
    def test_another_audience(self, server: AuthServer, authenticate: Authenticate, audience: Any) -> None:
        with pytest.raises(TokenRefused):
            authenticate(server.sign(aud=audience))

    @pytest.mark.parametrize("payload", BAD_PAYLOADS)
    def test_a_payload_that_is_no_claims(
        self, server: AuthServer, authenticate: Authenticate, payload: bytes
    ) -> None:
        with pytest.raises(TokenRefused):
            authenticate(server.sign(payload or b" "))

    @pytest.mark.parametrize(
        "token",
        [
            pytest.param(text, id=f"{text[:12]!r} {len(text)}")
            for text in (
                "x",
                "nonsense",
                "x" * 15,
                "x" * 513,
                "x" * 65536,
                "." * 65536,
                "a b" * 10,
                "' OR 1=1 --" * 3,
                "../" * 10,
                "<script>alert(1)</script>",
                "é" * 32,
                "\ud800" * 32,
                "\x00" * 32,
                "x" * 32 + "\r\nX-Evil: 1",
                "a.b.c.d",
                '{"a":' * 1000,
                "{}" * 20,
                "aaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbb",
            )
        ],
    )
    def test_garbage_costs_no_question(
        self, server: AuthServer, authenticate: Authenticate, token: str
    ) -> None:
        with pytest.raises(TokenRefused):
            authenticate(token)
        assert server.asked == []

    @pytest.mark.parametrize(
        "header",
        [
            {"alg": "EdDSA", "kid": "../../../../etc/passwd"},
            {"alg": "EdDSA", "kid": "' UNION SELECT 1 --"},
            {"alg": "EdDSA", "kid": "http://127.0.0.1:1/jwks"},
            {"alg": "EdDSA", "kid": "new", "jku": "http://127.0.0.1:1/jwks"},
            {"alg": "EdDSA", "kid": "new", "x5u": "http://127.0.0.1:1/cert"},
            {"alg": "none", "kid": "new"},
            {"alg": "HS256", "kid": "new"},
            {"alg": "EdDSA"},
        ],
        ids=str,
    )
    def test_a_header_that_leads_elsewhere_is_followed_nowhere(
        self, server: AuthServer, authenticate: Authenticate, header: dict[str, Any]
    ) -> None:
        with pytest.raises(TokenRefused):
            authenticate(with_header(header, server.sign()))
        assert server.asked == []

    def test_tokens_of_another_issuer_cost_no_question(
        self, server: AuthServer, authenticate: Authenticate
    ) -> None:
        """Even where their key is not known, and would have to be fetched."""
        server.add_key("theirs")
        for claims in (
            {"iss": "https://other.example"},
            {"aud": "https://other.example"},
            {"exp": 1},
            {"iat": 9999999999},
            {"sub": ""},
        ):
            with pytest.raises(TokenRefused):
                authenticate(server.sign(kid="theirs", **claims))
        assert server.asked == []


def test_time_ends_a_token_that_was_good(
    server: AuthServer, authenticate: Authenticate, frozen_time: FrozenTime
) -> None:
    token = server.sign()
    frozen_time.advance(seconds=899)
    assert authenticate(token)
    frozen_time.advance(seconds=1)
    with pytest.raises(TokenRefused):
        authenticate(token)


def test_a_token_from_the_future_is_not_good_yet(
    server: AuthServer, authenticate: Authenticate, frozen_time: FrozenTime
) -> None:
    token = server.sign(nbf=int(frozen_time.now.timestamp()) + 120)
    with pytest.raises(TokenRefused):
        authenticate(token)
    frozen_time.advance(seconds=121)
    assert authenticate(token)


def test_only_good_tokens_are_remembered(server: AuthServer) -> None:
    token = server.sign()
    authentication.authenticate(token)
    for number in range(300):
        with pytest.raises(TokenRefused):
            authentication.authenticate(f"{token[:-12]}{number:012d}")
    assert len(local_verification._verified) == 1


def test_what_the_settings_say_of_issuer_and_audience(
    server: AuthServer, authenticate: Authenticate, trust: Any
) -> None:
    trust(RESOURCE_SERVER={"ISSUER": "https://auth.example.com", "AUDIENCES": ["shop", "blog"]})
    for audience in ("shop", ["x", "blog"]):
        assert authenticate(server.sign(iss="https://auth.example.com", aud=audience))
    for claims in ({}, {"iss": "https://auth.example.com"}, {"aud": "shop"}):
        with pytest.raises(TokenRefused):
            authenticate(server.sign(**claims))


async def _in_an_async_view(server: AuthServer, token: str) -> None:
    with pytest.raises(SynchronousOnlyOperation):
        authentication.authenticate(token)
    assert (await aauthenticate(token)).user.id == "u1"
    assert authentication.authenticate(token).user.id == "u1"  # now nothing has to be waited for


def test_an_event_loop_is_never_stopped(server: AuthServer) -> None:
    import asyncio

    asyncio.run(_in_an_async_view(server, server.sign()))


def test_a_server_without_a_key_set(server: AuthServer, authenticate: Authenticate) -> None:
    """As where the feature is off there: no answer is made up."""
    server.answer(JWKS, 404)
    with pytest.raises(AuthServerUnavailable):
        authenticate(server.sign())


def test_members_of_another_type_than_expected(server: AuthServer, authenticate: Authenticate) -> None:
    """A hook at the auth server may put anything into a token."""
    user = authenticate(server.sign(email=["x"], name=1, emailVerified="yes", scope={"a": 1})).user
    assert (user.email, user.name, user.email_verified, user.username) == ("", "", False, "u1")


def test_a_deep_payload_behind_an_unknown_key(server: AuthServer, authenticate: Authenticate) -> None:
    deep = base64url_encode(b'{"a":' * 1000 + b"1" + b"}" * 1000)
    with pytest.raises(TokenRefused):
        authenticate(f"{header_of('EdDSA', 'new')}.{deep}.AAAA")
    assert server.asked == []
    assert orjson.loads(server.jwks())
