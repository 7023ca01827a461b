"""JWTs and opaque tokens: what is ours is read, everything else is refused before it costs anything."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from better_auth import access_tokens, clock, signing_keys
from better_auth.authentication.credentials import BearerEnded, Credentials, InvalidBearer
from better_auth.authentication.pipeline import authenticate
from better_auth.crypto.jose import InvalidToken, base64url_encode
from better_auth.crypto.jwt_reading import is_for, read_header
from better_auth.crypto.signing import sign_raw
from better_auth.features.email_verification import links
from better_auth.storage.records import UserRecord
from tests.conftest import FrozenTime
from tests.forged_tokens import BAD_CLAIMS, BAD_PAYLOADS, NAMES, Genuine, forgeries

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
SHARED = "shared-secret-0123456789-abcdefghijkl"
GOOD: dict[str, Any] = {"sub": "u1", "iss": "http://testserver", "aud": "http://testserver"}


def signed(claims: Any, **more: Any) -> str:
    """With our key, whatever the claims are."""
    return access_tokens.sign(orjson.dumps({**claims, **more}) if isinstance(claims, dict) else claims)


def now() -> int:
    return clock.epoch_ms(clock.now()) // 1000


def good(**more: Any) -> dict[str, Any]:
    return {**GOOD, "iat": now(), "exp": now() + 900, **more}


def kid() -> str:
    return str(read_header(signing_keys.signer().header.decode())["kid"])


def public_pem() -> bytes:
    key: Any = signing_keys.signer().key
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def genuine() -> Genuine:
    claims = good()
    return Genuine(signed(claims), claims, kid(), public_pem(), signing_keys.public_set())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shared", [None, SHARED], ids=["keys alone", "with a shared secret"])
def test_a_forgery_is_nobodys(
    name: str, shared: str | None, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(JWT={"SECRET": shared})
    token = forgeries(genuine())[name]
    monkeypatch.setattr(socket.socket, "connect", pytest.fail)  # nothing is fetched
    try:
        assert access_tokens.verify_jwt(token) is None
        assert access_tokens.verify_jwt_again(token) is None
    except InvalidToken:
        pass
    with pytest.raises(InvalidBearer):
        authenticate(Credentials(bearer=token))


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "HS256", "none", "Ed25519", "eddsa"])
def test_a_good_signature_under_the_name_of_another_algorithm(algorithm: str) -> None:
    """D5: the key has one algorithm, whatever the header says."""

    def signed_under(name: str) -> str:
        key: Any = signing_keys.signer().key
        parts = [orjson.dumps({"alg": name, "kid": kid()}), orjson.dumps(good())]
        text = ".".join(base64url_encode(part) for part in parts)
        return f"{text}.{base64url_encode(key.sign(text.encode()))}"

    assert access_tokens.verify_jwt(signed_under("EdDSA"))
    with suppress(InvalidToken):
        assert access_tokens.verify_jwt(signed_under(algorithm)) is None


def test_the_list_of_forgeries_is_whole() -> None:
    assert sorted(forgeries(genuine())) == NAMES


@pytest.mark.parametrize("claims", BAD_CLAIMS, ids=str)
def test_claims_that_are_not_ours_are_refused_though_the_signature_is(claims: dict[str, Any]) -> None:
    for check in (access_tokens.verify_jwt, access_tokens.verify_jwt_again):
        with pytest.raises(InvalidToken):
            check(signed(good(**claims)))


@pytest.mark.parametrize("claim", ["exp", "iss", "sub"])
def test_claims_that_must_be_there(claim: str) -> None:
    claims = good()
    del claims[claim]
    with pytest.raises(InvalidToken):
        access_tokens.verify_jwt(signed(claims))


@pytest.mark.parametrize("payload", BAD_PAYLOADS)
def test_a_payload_that_is_no_claims(payload: bytes) -> None:
    with pytest.raises(InvalidToken):
        access_tokens.verify_jwt(signed(payload))


def test_time_ends_a_token(frozen_time: FrozenTime) -> None:
    token = signed(good())
    frozen_time.advance(seconds=899)
    assert access_tokens.verify_jwt_again(token)
    frozen_time.advance(seconds=1)
    for check in (access_tokens.verify_jwt, access_tokens.verify_jwt_again):
        with pytest.raises(InvalidToken):
            check(token)


def test_a_withdrawn_key_ends_a_token_that_was_seen_before() -> None:
    token = signed(good())
    assert access_tokens.verify_jwt_again(token)
    signing_keys.replace_all()
    assert access_tokens.verify_jwt_again(token) is None


def test_only_good_tokens_are_remembered() -> None:
    token = signed(good())
    for number in range(1000):
        with pytest.raises(InvalidToken):
            access_tokens.verify_jwt_again(f"{token[:-12]}{number:012d}")
    assert len(access_tokens._verified) == 0


@pytest.mark.parametrize(
    ("audience", "is_meant"), [("a", True), (["b", "a"], True), ("b", False), ([], False)]
)
def test_for_whom_a_token_is(audience: Any, is_meant: bool) -> None:
    assert is_for({"aud": audience}, "a") is is_meant
    assert not is_for({}, "a")


class TestSharedSecret:
    def test_without_one_nothing_of_the_kind_is_taken(self) -> None:
        assert access_tokens.verify_jwt(jwt.encode(good(), SHARED, algorithm="HS256")) is None

    def test_a_token_of_a_service_that_has_it_is_taken(self, configure: Configure) -> None:
        configure(JWT={"SECRET": SHARED})
        claims = access_tokens.verify_jwt(jwt.encode(good(), SHARED, algorithm="HS256"))
        assert claims is not None
        assert claims["sub"] == "u1"

    def test_services_verify_what_is_signed_with_it(self, configure: Configure) -> None:
        configure(JWT={"SECRET": SHARED, "ALGORITHM": "HS256"})
        token = signed(good())
        assert jwt.decode(token, SHARED, algorithms=["HS256"], audience=GOOD["aud"])["sub"] == "u1"
        assert access_tokens.verify_jwt(token)
        assert orjson.loads(signing_keys.public_set()) == {"keys": []}

    def test_other_algorithms_with_it_are_not_taken(self, configure: Configure) -> None:
        configure(JWT={"SECRET": SHARED})
        for algorithm in ("HS384", "HS512"):
            assert access_tokens.verify_jwt(jwt.encode(good(), SHARED * 2, algorithm=algorithm)) is None

    def test_another_systems_token_is_left_to_whoever_knows_it(self, configure: Configure) -> None:
        configure(JWT={"SECRET": SHARED})
        assert access_tokens.verify_jwt(jwt.encode({"user_id": 1}, "x" * 40, algorithm="HS256")) is None


class TestOpaque:
    GRANT = "0" * 32

    def test_it_is_read_until_its_time_is_over(self, frozen_time: FrozenTime) -> None:
        token, seconds = access_tokens.issue_opaque(self.GRANT)
        assert len(token) == access_tokens.OPAQUE_LENGTH
        frozen_time.advance(seconds=seconds - 1)
        read = access_tokens.read_opaque(token)
        assert read is not None
        assert read.grant_id == self.GRANT
        frozen_time.advance(seconds=1)
        with pytest.raises(InvalidToken):
            access_tokens.read_opaque(token)

    def test_a_changed_one_costs_no_look_up(
        self, configure: Configure, django_assert_num_queries: Any
    ) -> None:
        token, _ = access_tokens.issue_opaque(self.GRANT)
        changed = [token.replace("0", "1", 1), token[:-1] + "?", token[:-1] + "é", "at_" + "x" * 85]
        with django_assert_num_queries(0):
            for one in changed:
                assert len(one) == len(token)
                with pytest.raises(InvalidBearer):
                    authenticate(Credentials(bearer=one))
        configure(SECRET="another-secret-0123456789-abcdefghij")
        with pytest.raises(InvalidToken):
            access_tokens.read_opaque(token)

    @pytest.mark.parametrize("token", ["", "at_", "x" * 88, "at_" + "x" * 84])
    def test_other_shapes_are_left_to_others(self, token: str) -> None:
        assert access_tokens.read_opaque(token) is None


def test_tokens_of_other_purposes_are_no_access_tokens(make_user: Callable[..., UserRecord]) -> None:
    """D10: the verification token of a mail, a signed cookie, a refresh token."""
    user = make_user()
    secret = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
    others = [
        links.issue_token(email=user.email, user_id=user.id),
        sign_raw("x" * 32, secret=secret) + "x",
        "rt_" + "x" * 67,
        base64.b64encode(b"{}").decode(),
    ]
    for token in others:
        with pytest.raises((InvalidBearer, BearerEnded)):
            authenticate(Credentials(bearer=token))
