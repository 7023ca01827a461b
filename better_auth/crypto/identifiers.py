"""Identifiers, tokens, and the digests that stand in for them in the database."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# Spelled in the protocol's order; the order carries no meaning on the wire.
ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
LOWER_ALPHANUMERIC = "0123456789abcdefghijklmnopqrstuvwxyz"
URL_SAFE = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_-"

ID_TIME_LENGTH = 9
ID_RANDOM_LENGTH = 23
_ID_TIME_LIMIT_MS = 36**ID_TIME_LENGTH

# Separates our derived keys from those anyone else derives from the same secret.
_DERIVATION_SALT = b"django-better-auth/derived-key/v1"


def new_id(now_ms: int | None = None) -> str:
    """A row id: 9 base36 digits of Unix milliseconds, then 23 random ones.

    Digits and lower-case letters only, so that ids order by creation under every database collation,
    the case-folding ones included, and new rows land at the end of the index. Within one millisecond the
    order is random.
    """
    moment = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    if not 0 <= moment < _ID_TIME_LIMIT_MS:
        raise ValueError("an id cannot be made for this moment")
    return _base36(moment, length=ID_TIME_LENGTH) + random_string(ID_RANDOM_LENGTH, LOWER_ALPHANUMERIC)


def new_session_token() -> str:
    """32 characters of ``[a-zA-Z0-9]``: 190 bits."""
    return random_string(32, ALPHANUMERIC)


def new_reset_token() -> str:
    """24 characters of ``[a-zA-Z0-9]``: 142 bits."""
    return random_string(24, ALPHANUMERIC)


def new_deletion_token() -> str:
    """32 characters of ``[0-9a-z]``: 165 bits."""
    return random_string(32, LOWER_ALPHANUMERIC)


def new_oauth_state() -> str:
    """32 characters of ``[a-z0-9A-Z_-]``: 192 bits."""
    return random_string(32, URL_SAFE)


def random_string(length: int, alphabet: str) -> str:
    """``length`` characters, each drawn evenly from ``alphabet`` by the system's secure generator."""
    size = len(alphabet)
    if not 1 <= size <= 256:
        raise ValueError("an alphabet has between 1 and 256 characters")
    # Bytes at or above the largest multiple of the size are dropped: a bare modulo would favour
    # the first letters of the alphabet.
    limit = 256 - 256 % size
    chosen: list[str] = []
    while len(chosen) < length:
        drawn = secrets.token_bytes(2 * (length - len(chosen)))
        chosen.extend(alphabet[byte % size] for byte in drawn if byte < limit)
    return "".join(chosen[:length])


def token_digest(token: str) -> str:
    """SHA-256 in hex: what rests in the database instead of a token.

    Unkeyed and unsalted on purpose. The tokens carry more than 140 random bits, so nothing can be
    guessed from a leaked digest, and the digest must be findable by an index. For anything a human
    types use ``code_digest``.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def api_key_digest(key: str) -> str:
    """SHA-256 of an API key in base64url without padding: 43 characters, as the protocol has it (api-key.md,
    section 2), so that a key that another server gave out is found, too. As bare as ``token_digest``."""
    hashed = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return urlsafe_b64encode(hashed)[:-1].decode()


def code_digest(code: str, *, key: bytes, purpose: str, subject: str) -> str:
    """HMAC-SHA256 in hex of a short code, bound to what it is for and to whom it was sent.

    A six-digit code has a million values: without the key a leaked table would give every code away.
    """
    # Each part carries its length, so that no two different triples give the same message.
    parts = (part.encode() for part in (purpose, subject, code))
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.digest(key, message, "sha256").hex()


def derive_key(secret: str, purpose: str, length: int = 32) -> bytes:
    """A key for one purpose from the application's secret (HKDF-SHA256, RFC 5869).

    Keys of different purposes tell nothing about each other or about the secret.
    """
    kdf = HKDF(algorithm=SHA256(), length=length, salt=_DERIVATION_SALT, info=purpose.encode())
    return kdf.derive(secret.encode())


def _base36(number: int, *, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, 36)
        digits.append(LOWER_ALPHANUMERIC[digit])
    return "".join(reversed(digits))
