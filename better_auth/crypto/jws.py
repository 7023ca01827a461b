"""Compact JWS under a pair of keys, and the keys as JWK. Sources: RFC 7515, 7517, 7518 and 8037."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from better_auth.crypto import wire_json
from better_auth.crypto.jose import base64url_encode

Algorithm = Literal["EdDSA", "ES256", "RS256"]
PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
PublicKey = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey

ALGORITHMS: tuple[Algorithm, ...] = ("EdDSA", "ES256", "RS256")
RSA_BITS = 2048
COORDINATE_LENGTH = 32
CURVES: Mapping[Algorithm, str | None] = {"EdDSA": "Ed25519", "ES256": "P-256", "RS256": None}
# What a JWK has, in the order of the protocol; of the libraries' other members none is published.
PUBLIC_MEMBERS: Mapping[Algorithm, tuple[str, ...]] = {
    "EdDSA": ("crv", "x", "kty"),
    "ES256": ("crv", "kty", "x", "y"),
    "RS256": ("kty", "n", "e"),
}
PRIVATE_MEMBERS: Mapping[Algorithm, tuple[str, ...]] = {
    "EdDSA": ("d",),
    "ES256": ("d",),
    "RS256": ("d", "p", "q", "dp", "dq", "qi"),
}
_CONVERTERS: Mapping[Algorithm, Any] = {"EdDSA": OKPAlgorithm, "ES256": ECAlgorithm, "RS256": RSAAlgorithm}
_PUBLIC_KINDS: Mapping[Algorithm, type[Any]] = {
    "EdDSA": Ed25519PublicKey,
    "ES256": EllipticCurvePublicKey,
    "RS256": RSAPublicKey,
}


class UnusableKey(ValueError):
    """No key of this algorithm, or too weak for it."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs under one private key, with the header ``{"alg", "kid"}`` and nothing else."""

    algorithm: Algorithm
    header: bytes
    key: PrivateKey

    @classmethod
    def of(cls, algorithm: Algorithm, kid: str, key: PrivateKey) -> Signer:
        return cls(algorithm, header_of(algorithm, kid).encode(), key)

    def sign(self, payload: bytes) -> str:
        """The token over a payload, which is taken as it is."""
        signing_input = self.header + b"." + base64url_encode(payload).encode()
        return f"{signing_input.decode()}.{base64url_encode(self._signature(signing_input))}"

    def _signature(self, data: bytes) -> bytes:
        key = self.key
        if isinstance(key, Ed25519PrivateKey):
            return key.sign(data)
        if isinstance(key, RSAPrivateKey):
            return key.sign(data, PKCS1v15(), SHA256())
        r, s = decode_dss_signature(key.sign(data, ECDSA(SHA256())))
        # JOSE has the two numbers side by side (RFC 7518, section 3.4).
        return r.to_bytes(COORDINATE_LENGTH, "big") + s.to_bytes(COORDINATE_LENGTH, "big")


def header_of(algorithm: str, kid: str) -> str:
    """The first part of every token under this key."""
    return base64url_encode(wire_json.dumps({"alg": algorithm, "kid": kid}).encode())


def is_signed_by(key: PublicKey, data: bytes, signature: bytes) -> bool:
    """Whether the signature over ``data`` is the key's, by the one algorithm that the key is for."""
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, data)
        elif isinstance(key, RSAPublicKey):
            key.verify(signature, data, PKCS1v15(), SHA256())
        else:
            if len(signature) != 2 * COORDINATE_LENGTH:
                return False
            r, s = signature[:COORDINATE_LENGTH], signature[COORDINATE_LENGTH:]
            encoded = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
            key.verify(encoded, data, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def generate(algorithm: Algorithm) -> PrivateKey:
    """A new key. RSA takes some tenths of a second, the others no time."""
    if algorithm == "EdDSA":
        return Ed25519PrivateKey.generate()
    if algorithm == "ES256":
        return generate_private_key(SECP256R1())
    return generate_rsa_key(public_exponent=65537, key_size=RSA_BITS)


def public_jwk(algorithm: Algorithm, key: PrivateKey) -> dict[str, str]:
    members = _CONVERTERS[algorithm].to_jwk(key.public_key(), as_dict=True)
    return {name: members[name] for name in PUBLIC_MEMBERS[algorithm]}


def private_jwk(algorithm: Algorithm, key: PrivateKey) -> dict[str, str]:
    members = _CONVERTERS[algorithm].to_jwk(key, as_dict=True)
    return {name: members[name] for name in (*PUBLIC_MEMBERS[algorithm], *PRIVATE_MEMBERS[algorithm])}


def load_public(algorithm: Algorithm, jwk: Mapping[str, Any]) -> PublicKey:
    """Raises ``UnusableKey``; for a private key, too."""
    if "d" in jwk:
        raise UnusableKey("a private key is not to be published")
    return cast(PublicKey, _load(algorithm, jwk))


def load_private(algorithm: Algorithm, jwk: Mapping[str, Any]) -> PrivateKey:
    """Raises ``UnusableKey``."""
    if "d" not in jwk:
        raise UnusableKey("not a private key")
    return cast(PrivateKey, _load(algorithm, jwk))


def _load(algorithm: Algorithm, jwk: Mapping[str, Any]) -> PrivateKey | PublicKey:
    if jwk.get("crv") != CURVES[algorithm]:
        raise UnusableKey(f"the curve is none for {algorithm}")
    try:
        key = _CONVERTERS[algorithm].from_jwk(dict(jwk))
    except (PyJWTError, ValueError, TypeError, KeyError):
        raise UnusableKey(f"not a key for {algorithm}") from None
    public = key.public_key() if "d" in jwk else key
    if not isinstance(public, _PUBLIC_KINDS[algorithm]):
        raise UnusableKey(f"not a key for {algorithm}")
    if isinstance(public, RSAPublicKey) and public.key_size < RSA_BITS:
        raise UnusableKey(f"an RSA key has at least {RSA_BITS} bits (RFC 7518, section 3.3)")
    return cast(PrivateKey | PublicKey, key)
