"""Public keys of a former service: from files, and from where it publishes them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from better_auth import clock
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.pipeline import authenticate
from better_auth.resource_server.key_set import KeySet
from better_auth.storage.records import UserRecord
from tests.host.legacy_credentials import AUDIENCE, ISSUER, bring

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("beside")]
Configure = Callable[..., None]

RSA = generate_private_key(public_exponent=65537, key_size=2048)
EC = generate_ec_key(SECP256R1())
OTHER = generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    algorithm = ECAlgorithm if key is EC else RSAAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, **more}


JWKS = {"keys": [jwk(RSA, "old-rsa"), jwk(EC, "old-ec")]}


def token(key: Any, algorithm: str, *, kid: str | None = None, subject: str = "4711") -> str:
    now = int(clock.timestamp())
    claims = {"sub": subject, "iat": now, "exp": now + 300, "iss": ISSUER, "aud": AUDIENCE}
    return jwt.encode(claims, key, algorithm, headers={"kid": kid} if kid else None)


def code_of(shown: str) -> str | None:
    try:
        principal = authenticate(Credentials(bearer=shown))
    except InvalidCredentials as refusal:
        return refusal.code.name if refusal.code else ""
    assert principal is not None
    return None


@pytest.fixture(autouse=True)
def _here(ann: UserRecord) -> None:
    bring("4711", ann)


@pytest.fixture
def take(configure: Configure) -> Callable[[str], None]:
    def keys_from(where: str) -> None:
        rules = {"SECRET": None, "KEYS": where, "ALGORITHMS": ["RS256", "ES256"]}
        configure(DUAL_AUTH={"JWT": rules})

    return keys_from


class Published:
    """A server that answers with a key set, and counts how often it was asked."""

    def __init__(self) -> None:
        self.document: Any = JWKS
        self.status, self.asked = 200, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                body = json.dumps(outer.document).encode()
                self.send_response(outer.status if self.path == "/old/jwks?v=1" else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/old/jwks?v=1"


@pytest.fixture
def published() -> Iterator[Published]:
    there = Published()
    thread = threading.Thread(target=there.server.serve_forever, daemon=True)
    thread.start()
    yield there
    there.server.shutdown()
    there.server.server_close()


def test_of_a_file_with_a_key_set(take: Callable[[str], None], tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(JWKS))
    take(str(path))
    assert code_of(token(RSA, "RS256", kid="old-rsa")) is None
    assert code_of(token(EC, "ES256", kid="old-ec")) is None
    assert code_of(token(OTHER, "RS256", kid="old-rsa")) == "LEGACY_TOKEN_INVALID"
    assert code_of(token(RSA, "RS256", kid="old-ec")) == "LEGACY_TOKEN_INVALID"
    assert code_of(token(RSA, "RS256", kid="another")) == "LEGACY_TOKEN_INVALID"
    assert code_of(token(RSA, "RS256")) == "LEGACY_TOKEN_INVALID"
    assert code_of(token(RSA, "RS512", kid="old-rsa")) == "LEGACY_TOKEN_INVALID"


@pytest.mark.parametrize(("key", "algorithm", "other"), [(RSA, "RS256", EC), (EC, "ES256", RSA)])
def test_of_a_pem_file(
    take: Callable[[str], None], tmp_path: Path, key: Any, algorithm: str, other: Any
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    take(str(path))
    assert code_of(token(key, algorithm)) is None
    assert code_of(token(key, algorithm, kid="whatever")) is None
    assert code_of(token(other, "ES256" if other is EC else "RS256")) == "LEGACY_TOKEN_INVALID"


def test_where_they_are_published(take: Callable[[str], None], published: Published) -> None:
    take(published.url)
    for _ in range(3):
        assert code_of(token(RSA, "RS256", kid="old-rsa")) is None
        assert code_of(token(EC, "ES256", kid="old-ec")) is None
    assert published.asked == 1


def test_keys_that_nobody_has_are_not_fetched_for_again_and_again(
    take: Callable[[str], None], published: Published
) -> None:
    take(published.url)
    for number in range(20):
        assert code_of(token(OTHER, "RS256", kid=f"new-{number}")) == "LEGACY_TOKEN_INVALID"
    assert published.asked <= 2


def test_while_the_service_is_away(take: Callable[[str], None], published: Published) -> None:
    take(published.url)
    published.status = 404
    assert code_of(token(RSA, "RS256", kid="old-rsa")) == "LEGACY_SYSTEM_UNAVAILABLE"


def test_what_was_fetched_serves_while_the_service_is_away(
    take: Callable[[str], None], published: Published
) -> None:
    take(published.url)
    assert code_of(token(RSA, "RS256", kid="old-rsa")) is None
    published.status = 500
    assert code_of(token(RSA, "RS256", kid="old-rsa")) is None
    assert code_of(token(EC, "ES256", kid="old-ec")) is None


def test_what_is_no_key_set(take: Callable[[str], None], published: Published) -> None:
    published.document = ["nonsense"]
    take(published.url)
    assert code_of(token(RSA, "RS256", kid="old-rsa")) == "LEGACY_SYSTEM_UNAVAILABLE"


def test_a_key_that_is_withdrawn_ends_what_it_signed(
    take: Callable[[str], None], published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what came before, and was found good then."""
    take(published.url)
    rsa, ec = token(RSA, "RS256", kid="old-rsa"), token(EC, "ES256", kid="old-ec")
    assert [code_of(rsa), code_of(ec)] == [None, None]
    published.document = {"keys": [jwk(EC, "old-ec")]}
    monkeypatch.setattr(KeySet, "age", lambda held: 1e9 if len(held.by_kid) == 2 else 0.0)
    assert [code_of(rsa), code_of(ec)] == ["LEGACY_TOKEN_INVALID", None]
    published.document = {"keys": [jwk(OTHER, "old-ec")]}
    monkeypatch.setattr(
        KeySet, "age", lambda held: 1e9 if "old-rsa" in held.by_kid or len(held.by_kid) == 1 else 0.0
    )
    assert code_of(ec) == "LEGACY_TOKEN_INVALID"


def test_keys_that_can_not_be_had_any_more_end_what_they_signed(
    take: Callable[[str], None], published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(published.url)
    rsa = token(RSA, "RS256", kid="old-rsa")
    assert code_of(rsa) is None
    published.status = 500
    monkeypatch.setattr(KeySet, "age", lambda held: 1e9)
    assert code_of(rsa) == "LEGACY_SYSTEM_UNAVAILABLE"
