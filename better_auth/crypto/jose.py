"""The two JOSE forms of the protocol: HS256 tokens, and JWE under a key derived from the secret."""

from __future__ import annotations

import functools
import hashlib
import hmac
import secrets
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7

from better_auth.crypto import wire_json

MAX_TOKEN_LENGTH = 16 * 1024
JWE_CLOCK_SKEW_SECONDS = 15

_JWE_KEY_INFO = b"BetterAuth.js Generated Encryption Key"
_JWE_KEY_LENGTH = 64
_JWE_IV_LENGTH = 16
_JWE_TAG_LENGTH = 32


class InvalidToken(ValueError):
    """The token is not one we issued, or not to be used as it stands."""


class ExpiredToken(InvalidToken):
    """The token is genuine, and its time is over."""


def sign_hs256(claims: Mapping[str, object], *, secret: str) -> str:
    """A compact JWT over the claims as given, with the header ``{"alg":"HS256"}`` and nothing else."""
    signing_input = f"{_HS256_HEADER}.{base64url_encode(wire_json.dumps(claims).encode())}"
    return f"{signing_input}.{_hs256_signature(signing_input, secret)}"


def verify_hs256(
    token: str, *, secret: str, now: float, leeway: int = 0, max_length: int = MAX_TOKEN_LENGTH
) -> dict[str, Any]:
    """The claims of a token signed with ``secret`` and valid at ``now`` (Unix seconds).

    Raises ``ExpiredToken`` past its ``exp``, ``InvalidToken`` for everything else. A token without
    ``exp`` is refused: none that the protocol issues lives for ever. Every token of the protocol is
    signed with the same secret, so the caller must check that the claims are those of its own purpose.
    """
    if len(token) > max_length:
        raise InvalidToken("too long")
    signing_input, _, signature = token.rpartition(".")
    header_text, _, payload_text = signing_input.partition(".")
    try:
        # First the signature, by the one algorithm we know: nothing unsigned is ever parsed.
        if not hmac.compare_digest(_hs256_signature(signing_input, secret), signature):
            raise InvalidToken("signature does not match")
        header = wire_json.loads_object(base64url_decode(header_text))
        claims = wire_json.loads_object(base64url_decode(payload_text))
    except InvalidToken:
        raise
    except (ValueError, TypeError):  # compare_digest meets text outside ASCII with a TypeError
        raise InvalidToken("malformed") from None
    if header.get("alg") != "HS256" or "crit" in header:
        raise InvalidToken("header not accepted")
    ensure_timely(claims, now=now, leeway=leeway)
    return claims


def encrypt_jwe(claims: Mapping[str, object], *, secret: str, salt: str, now: int, max_age: int) -> str:
    """A compact JWE (``dir``, ``A256CBC-HS512``) of the claims with ``iat``, ``exp`` and ``jti`` added."""
    key = _jwe_key(secret, salt)
    dated = {**claims, "iat": now, "exp": now + max_age, "jti": str(uuid.uuid4())}
    header = {"alg": "dir", "enc": "A256CBC-HS512", "kid": key.kid}
    protected = base64url_encode(wire_json.dumps(header).encode())
    padder = PKCS7(AES.block_size).padder()
    padded = padder.update(wire_json.dumps(dated).encode()) + padder.finalize()
    iv = secrets.token_bytes(_JWE_IV_LENGTH)
    encryptor = Cipher(AES(key.encryption), CBC(iv)).encryptor()
    ciphertext = encryptor.update(padded) + encryptor.finalize()
    tag = _jwe_tag(key, protected, iv, ciphertext)
    return ".".join(
        (protected, "", base64url_encode(iv), base64url_encode(ciphertext), base64url_encode(tag))
    )


def decrypt_jwe(token: str, *, secret: str, salt: str, now: float) -> dict[str, Any] | None:
    """The claims, or None when the token is not ours, was tampered with, or is out of its time.

    With several secrets the caller tries one after the other: a ``kid`` of another key is answered
    before anything is decrypted.
    """
    try:
        claims = _decrypted_claims(token, key=_jwe_key(secret, salt))
        ensure_timely(claims, now=now, leeway=JWE_CLOCK_SKEW_SECONDS)
    except ValueError:
        return None
    return claims


def base64url_encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def base64url_decode(text: str) -> bytes:
    """The bytes of unpadded base64url; ValueError for any other spelling of the same bytes."""
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # Python skips foreign characters and ignores the unused last bits; a round trip shows both.
    if base64url_encode(data) != text:
        raise ValueError("not canonical base64url")
    return data


_HS256_HEADER = base64url_encode(b'{"alg":"HS256"}')


def _hs256_signature(signing_input: str, secret: str) -> str:
    return base64url_encode(hmac.digest(secret.encode(), signing_input.encode("ascii"), "sha256"))


def ensure_timely(claims: Mapping[str, object], *, now: float, leeway: int) -> None:
    """Raises ``ExpiredToken`` past ``exp``, ``InvalidToken`` without it, before ``nbf``, and for what is no
    time."""
    expires_at = _timestamp(claims, "exp")
    if expires_at is None:
        raise InvalidToken("exp is missing")
    _timestamp(claims, "iat")
    if "nbf" in claims:
        not_before = _timestamp(claims, "nbf")
        if not_before is not None and not_before > now + leeway:
            raise InvalidToken("not valid yet")
    if expires_at <= now - leeway:
        raise ExpiredToken("expired")


def _timestamp(claims: Mapping[str, object], name: str) -> int | float | None:
    if name not in claims:
        return None
    value = claims[name]
    if type(value) is int:  # nearly always
        return value
    # bool is an int to Python; 1e999 parses as infinity, which would never expire.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidToken(f"{name} is not a number")
    if isinstance(value, float) and not isfinite(value):
        raise InvalidToken(f"{name} is not finite")
    return value


class _JweKey(NamedTuple):
    mac: bytes
    encryption: bytes
    kid: str


# Only our own secrets and the two salts of the protocol get here; the cookie cache is read on every request.
@functools.lru_cache(maxsize=32)
def _jwe_key(secret: str, salt: str) -> _JweKey:
    kdf = HKDF(algorithm=SHA256(), length=_JWE_KEY_LENGTH, salt=salt.encode(), info=_JWE_KEY_INFO)
    key = kdf.derive(secret.encode())
    # RFC 7638: the required members of the JWK, in lexicographic order.
    thumbprint = wire_json.dumps({"k": base64url_encode(key), "kty": "oct"})
    kid = base64url_encode(hashlib.sha256(thumbprint.encode()).digest())
    # RFC 7518, section 5.2.2.1: the first half authenticates, the second encrypts.
    return _JweKey(mac=key[:32], encryption=key[32:], kid=kid)


def _decrypted_claims(token: str, *, key: _JweKey) -> dict[str, Any]:
    protected, encrypted_key, iv_text, ciphertext_text, tag_text = token.split(".")
    header = wire_json.loads_object(base64url_decode(protected))
    # The reference lists A256GCM as well, and then refuses it: its derived key has the wrong length.
    # Compression is refused too; no writer uses it, and it is a way to make a reader swell.
    if header.get("alg") != "dir" or header.get("enc") != "A256CBC-HS512" or encrypted_key:
        raise InvalidToken("algorithm not accepted")
    if "crit" in header or "zip" in header or header.get("kid", key.kid) != key.kid:
        raise InvalidToken("header not accepted")
    iv, ciphertext, tag = (base64url_decode(text) for text in (iv_text, ciphertext_text, tag_text))
    # Authenticate before decrypting: the padding of a forged text is never looked at.
    if not hmac.compare_digest(_jwe_tag(key, protected, iv, ciphertext), tag):
        raise InvalidToken("authentication tag does not match")
    decryptor = Cipher(AES(key.encryption), CBC(iv)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    unpadder = PKCS7(AES.block_size).unpadder()
    return wire_json.loads_object(unpadder.update(padded) + unpadder.finalize())


def _jwe_tag(key: _JweKey, protected: str, iv: bytes, ciphertext: bytes) -> bytes:
    associated = protected.encode("ascii")
    bit_length = (8 * len(associated)).to_bytes(8, "big")
    return hmac.digest(key.mac, associated + iv + ciphertext + bit_length, "sha512")[:_JWE_TAG_LENGTH]
