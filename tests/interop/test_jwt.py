"""JWTs made here verify in Node with ``jose``; those of the reference server, and its keys, are good here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from better_auth import access_tokens, clock, signing_keys
from better_auth.crypto.jose import InvalidToken
from better_auth.crypto.jwt_reading import read_header
from better_auth.models import SigningKey
from better_auth.resource_server.authentication import TokenRefused, authenticate
from tests.interop.reference import Reference
from tests.scripted_server import ScriptedServer
from tests.server import RunningServer, new_email

THERE = "http://127.0.0.1:4999"  # reference.mjs
SHARED = "shared-secret-0123456789-abcdefghijkl"
NAMES = ["Ann", "Zoë 漢字 🙂", 'Quo"te <b>&\\ \u2028']


def token_of(reference: Reference) -> str:
    """A JWT of somebody who has signed up there."""
    body = {"name": "Ann", "email": new_email(), "password": "correct horse battery"}
    signed_up = reference.request("POST", "/sign-up/email", body)
    cookie = "; ".join(line.partition(";")[0] for line in signed_up["cookies"])
    return str(reference.request("GET", "/token", cookie=cookie)["body"]["token"])


@pytest.fixture(params=["EdDSA", "ES256", "RS256"])
def signing_server(request: pytest.FixtureRequest, secret: str) -> Iterator[RunningServer]:
    with RunningServer(BETTER_AUTH_SECRET=secret, BETTER_AUTH_JWT_ALGORITHM=request.param) as running:
        yield running


def test_tokens_of_ours_verify_in_node(reference: Reference, signing_server: RunningServer) -> None:
    for name in NAMES:
        signed_up = signing_server.sign_up(new_email(), name=name)
        cookie, user = signed_up.session_cookie, signed_up.json["user"]
        keys = signing_server.call("GET", "/jwks").json
        tokens = [
            signing_server.call("GET", "/token", cookie=cookie).json["token"],
            signing_server.call("GET", "/get-session", cookie=cookie).headers["set-auth-jwt"],
            signing_server.call("POST", "/token", {}, cookie=cookie).json["access_token"],
        ]
        for token in tokens:
            claims = reference.ask("verifyJwt", token=token, jwks=keys, origin=signing_server.origin)
            assert claims.items() >= {**user, "sub": user["id"]}.items()
            assert claims["exp"] - claims["iat"] == 900


@pytest.mark.django_db
def test_tokens_under_a_shared_secret_go_both_ways(reference: Reference, secret: str, configure: Any) -> None:
    configure(SECRET=secret, BASE_URL=THERE, JWT={"SECRET": SHARED, "ALGORITHM": "HS256"})
    now = clock.epoch_ms(clock.now()) // 1000
    claims = {"iat": now, "sub": "u1", "exp": now + 60, "iss": THERE, "aud": THERE}
    ours = access_tokens.sign(orjson.dumps(claims))
    assert reference.ask("verifySharedJwt", token=ours, secret=SHARED, origin=THERE) == claims
    theirs = reference.ask("signSharedJwt", claims=claims, secret=SHARED)
    assert access_tokens.verify_jwt(theirs) == claims


@pytest.mark.django_db
class TestBroughtOver:
    """The reference server's keys in our table, as a migration brings them, with the same secret."""

    @pytest.fixture
    def token(self, reference: Reference, secret: str, configure: Any) -> str:
        configure(SECRET=secret, BASE_URL=THERE)
        token = token_of(reference)
        for number, row in enumerate(reference.ask("signingKeys")):
            SigningKey.objects.create(
                id=row["id"],
                alg=row.get("alg") or "EdDSA",
                crv=row.get("crv"),
                public_key=row["publicKey"],
                private_key=row["privateKey"],
                replaces=f"there {number}",
                signs_from=clock.now() - timedelta(minutes=1),
                expires_at=clock.now() + timedelta(days=1),
            )
        return token

    def test_their_tokens_verify_here(self, token: str) -> None:
        claims = access_tokens.verify_jwt(token)
        assert claims is not None
        assert claims["sub"] == claims["id"]

    def test_their_keys_sign_here_and_verify_there(self, token: str, reference: Reference) -> None:
        (kid,) = [row["id"] for row in reference.ask("signingKeys")]
        now = clock.epoch_ms(clock.now()) // 1000
        claims = {"iat": now, "sub": "u1", "exp": now + 60, "iss": THERE, "aud": THERE}
        ours = access_tokens.sign(orjson.dumps(claims))
        assert read_header(ours.partition(".")[0])["kid"] == kid
        keys = reference.request("GET", "/jwks")["body"]
        assert reference.ask("verifyJwt", token=ours, jwks=keys, origin=THERE) == claims

    def test_the_key_set_is_the_same(self, token: str, reference: Reference) -> None:
        assert orjson.loads(signing_keys.public_set()) == reference.request("GET", "/jwks")["body"]

    def test_with_another_issuer_they_are_refused(self, token: str, configure: Any) -> None:
        configure(BASE_URL="http://testserver")
        with pytest.raises(InvalidToken):
            access_tokens.verify_jwt(token)

    def test_without_their_key_they_are_nobodys(self, token: str) -> None:
        SigningKey.objects.all().delete()
        assert access_tokens.verify_jwt(token) is None


class TestServiceThatTrustsIt:
    """A service of ours, whose auth server is the original: its tokens are verified by its key set."""

    @pytest.fixture
    def service(self, reference: Reference, configure: Any) -> Iterator[ScriptedServer]:
        """Shows the key set of the reference server, which listens on no port."""
        with ScriptedServer() as shown:
            shown.answer("/api/auth/jwks", 200, orjson.dumps(reference.request("GET", "/jwks")["body"]))
            configure(AUTH_SERVER={"URL": shown.url}, RESOURCE_SERVER={"ISSUER": THERE})
            yield shown

    def test_their_tokens_are_good(self, reference: Reference, service: ScriptedServer) -> None:
        for _ in range(3):
            principal = authenticate(token_of(reference))
            assert (principal.user.name, principal.method) == ("Ann", "jwt")
            assert principal.user.id == principal.claims["id"]
        assert service.count("/api/auth/jwks") == 1

    def test_what_is_changed_in_them_is_seen(self, reference: Reference, service: ScriptedServer) -> None:
        header, payload, signature = token_of(reference).split(".")
        other = token_of(reference).split(".")
        for parts in ((header, other[1], signature), (header, payload, other[2]), (header, payload, "")):
            with pytest.raises(TokenRefused):
                authenticate(".".join(parts))

    def test_another_issuer_is_not_theirs(
        self, reference: Reference, service: ScriptedServer, configure: Any
    ) -> None:
        configure(RESOURCE_SERVER={"ISSUER": "http://127.0.0.1:4998"})
        with pytest.raises(TokenRefused):
            authenticate(token_of(reference))
