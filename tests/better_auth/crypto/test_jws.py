"""Signatures under a pair of keys, held against another implementation."""

from __future__ import annotations

from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from better_auth.crypto import jws
from better_auth.crypto.jose import base64url_decode
from better_auth.crypto.jws import ALGORITHMS, Algorithm, Signer, UnusableKey

CLAIMS = {"sub": "u1", "name": "Zoë"}
PUBLIC = {
    "EdDSA": {"kty": "OKP", "crv": "Ed25519"},
    "ES256": {"kty": "EC", "crv": "P-256"},
    "RS256": {"kty": "RSA"},
}
each = pytest.mark.parametrize("algorithm", ALGORITHMS)


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return {algorithm: jws.generate(algorithm) for algorithm in ALGORITHMS}


@each
def test_others_verify_what_is_signed_here(algorithm: Algorithm, keys: dict[str, Any]) -> None:
    token = Signer.of(algorithm, "k1", keys[algorithm]).sign(orjson.dumps(CLAIMS))
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "kid": "k1"}
    assert jwt.decode(token, keys[algorithm].public_key(), algorithms=[algorithm]) == CLAIMS


@each
def test_what_others_sign_verifies_here(algorithm: Algorithm, keys: dict[str, Any]) -> None:
    token = jwt.encode(CLAIMS, keys[algorithm], algorithm=algorithm)
    signed, _, signature = token.rpartition(".")
    public = keys[algorithm].public_key()
    assert jws.is_signed_by(public, signed.encode(), base64url_decode(signature))
    assert not jws.is_signed_by(public, signed.encode() + b"x", base64url_decode(signature))
    for wrong in (
        b"",
        b"\x00" * 64,
        b"\xff" * 64,
        b"\x00" * 63,
        b"\x00" * 256,
        base64url_decode(signature)[:-1],
    ):
        assert not jws.is_signed_by(public, signed.encode(), wrong)


@each
def test_keys_survive_as_jwk(algorithm: Algorithm, keys: dict[str, Any]) -> None:
    key = keys[algorithm]
    public, private = jws.public_jwk(algorithm, key), jws.private_jwk(algorithm, key)
    assert public.items() >= PUBLIC[algorithm].items()
    assert set(public) == set(jws.PUBLIC_MEMBERS[algorithm])
    assert private.items() >= public.items()
    again = jws.load_private(algorithm, private)
    assert jws.private_jwk(algorithm, again) == private
    assert jws.load_public(algorithm, public) == key.public_key()


@each
def test_a_private_key_is_never_taken_for_a_public_one(algorithm: Algorithm, keys: dict[str, Any]) -> None:
    with pytest.raises(UnusableKey):
        jws.load_public(algorithm, jws.private_jwk(algorithm, keys[algorithm]))
    with pytest.raises(UnusableKey):
        jws.load_private(algorithm, jws.public_jwk(algorithm, keys[algorithm]))


@each
def test_a_key_of_another_algorithm_is_refused(algorithm: Algorithm, keys: dict[str, Any]) -> None:
    for other in ALGORITHMS:
        if other != algorithm:
            with pytest.raises(UnusableKey):
                jws.load_public(algorithm, jws.public_jwk(other, keys[other]))


def test_weak_and_foreign_keys_are_refused() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505, that is the point
    with pytest.raises(UnusableKey, match="2048"):
        jws.load_public("RS256", RSAAlgorithm.to_jwk(small.public_key(), as_dict=True))
    other_curve = ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(UnusableKey):
        jws.load_public("ES256", ECAlgorithm.to_jwk(other_curve.public_key(), as_dict=True))
    for broken in ({}, {"kty": "OKP", "crv": "Ed25519"}, {"kty": "OKP", "crv": "Ed25519", "x": "AA"}):
        with pytest.raises(UnusableKey):
            jws.load_public("EdDSA", broken)
