"""A scripted auth server, and this process as a service that trusts it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from asgiref.sync import async_to_sync

from better_auth import clock
from better_auth.auth_server import connection
from better_auth.crypto import jws
from better_auth.crypto.jws import Algorithm, Signer
from better_auth.resource_server import authentication, introspection, key_set, key_source, local_verification
from better_auth.resource_server.principal import Principal
from tests.scripted_server import Asked, ScriptedServer, Told

KID = "k" * 32
JWKS, INTROSPECT = "/api/auth/jwks", "/api/auth/introspect"
CLIENT_ID, CLIENT_SECRET = "shop", "shop-secret-0123456789-abcdefghijklm"
# One try, which may take its time on a busy machine; and no breaker, which has tests of its own.
PATIENT = {"TIMEOUT_MS": 20_000, "CONNECT_TIMEOUT_MS": 20_000, "RETRIES": 0, "BREAKER_FAILURES": 1_000}

Authenticate = Callable[[str], Principal]


class AuthServer(ScriptedServer):
    """It has keys, and knows opaque tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, tuple[Algorithm, Any]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.add_key(KID)
        self.answer(JWKS, lambda _: Told(200, self.jwks(), {"Cache-Control": "public, max-age=300"}))
        self.answer(INTROSPECT, self.introspect)

    def add_key(self, kid: str, algorithm: Algorithm = "EdDSA") -> None:
        self.keys[kid] = algorithm, jws.generate(algorithm)

    def jwks(self) -> bytes:
        keys = [
            {"alg": algorithm, **jws.public_jwk(algorithm, key), "kid": kid}
            for kid, (algorithm, key) in self.keys.items()
        ]
        return orjson.dumps({"keys": keys})

    def claims(self, **more: Any) -> dict[str, Any]:
        """Good ones."""
        now = int(clock.timestamp())
        whose = {"sub": "u1", "name": "Ann", "email": "ann@example.com", "emailVerified": True}
        return {**whose, "iss": self.url, "aud": self.url, "iat": now, "exp": now + 900, **more}

    def sign(self, claims: Any = None, kid: str = KID, **more: Any) -> str:
        algorithm, key = self.keys[kid]
        payload = claims if isinstance(claims, bytes) else orjson.dumps(claims or self.claims(**more))
        return Signer.of(algorithm, kid, key).sign(payload)

    def give_out(self, token: str, **more: Any) -> str:
        """Make an opaque token good."""
        now = int(clock.timestamp())
        whose = {"sub": "u1", "username": "ann@example.com", "method": "bearer", "sid": "s1"}
        dated = {"iss": self.url, "aud": self.url, "iat": now, "exp": now + 3600}
        self.tokens[token] = {"active": True, "token_type": "Bearer", **whose, **dated, **more}
        return token

    def introspect(self, asked: Asked) -> Told:
        (token,) = parse_qs(asked.body.decode())["token"]
        return Told(200, orjson.dumps(self.tokens.get(token, {"active": False})))


@pytest.fixture
def server() -> Iterator[AuthServer]:
    with AuthServer() as running:
        yield running


@pytest.fixture
def trust(server: AuthServer, configure: Any) -> Callable[..., None]:
    """Configure this process to trust the server: ``trust(RESOURCE_SERVER={…}, AUTH_SERVER={…})``."""

    def change(**parts: Any) -> None:
        own = {"URL": server.url, "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET, **PATIENT}
        configure(**{**parts, "AUTH_SERVER": {**own, **parts.get("AUTH_SERVER", {})}})

    return change


@pytest.fixture(autouse=True)
def _trusting(trust: Callable[..., None]) -> Iterator[None]:
    trust()
    yield
    key_source.key_source.forget()
    local_verification.forget()
    introspection.forget()
    connection.forget()


@pytest.fixture(params=["sync", "async"])
def authenticate(request: pytest.FixtureRequest) -> Authenticate:
    if request.param == "sync":
        return authentication.authenticate
    found: Authenticate = async_to_sync(authentication.aauthenticate)
    return found


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass for what is kept; tokens and the breaker go by clocks of their own."""
    passed = 0.0

    def advance(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    shifted = SimpleNamespace(monotonic=lambda: time.monotonic() + passed)
    for module in (key_source, key_set, introspection):
        monkeypatch.setattr(module, "time", shifted)
    return advance
