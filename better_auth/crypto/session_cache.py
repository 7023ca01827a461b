"""The cookie cache: a session and its user in a cookie, in the protocol's three strategies."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, TypeGuard

from better_auth.crypto import wire_json
from better_auth.crypto.jose import (
    InvalidToken,
    base64url_decode,
    base64url_encode,
    decrypt_jwe,
    encrypt_jwe,
    sign_hs256,
    verify_hs256,
)

MAX_COOKIE_SIZE = 4050
MAX_CHUNKS = 100
# More than this no writer puts into cookies, so nothing longer is worth reading.
MAX_VALUE_LENGTH = MAX_COOKIE_SIZE * MAX_CHUNKS

JWE_SALT = "better-auth-session"

# What the two token formats add to the cached object; reading takes it away again.
_REGISTERED_CLAIMS = frozenset({"iat", "exp", "jti"})
_CANONICAL_INTEGER = re.compile(r"0|[1-9][0-9]{0,15}")
_LARGEST_SAFE_INTEGER = 2**53 - 1


class Encode(Protocol):
    """Writes the cached object as a cookie value."""

    def __call__(self, payload: Mapping[str, object], *, secret: str, now_ms: int, max_age: int) -> str: ...


class Decode(Protocol):
    """Reads the cached object back, or answers None for whatever is forged, expired or malformed."""

    def __call__(self, value: str, *, secret: str, now_ms: int) -> dict[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Codec:
    """One strategy of the cookie cache."""

    encode: Encode
    decode: Decode


def encode_compact(payload: Mapping[str, object], *, secret: str, now_ms: int, max_age: int) -> str:
    """Base64url of the payload beside its HMAC: readable by the browser, not writable.

    Dates must be strings of the form ``2026-01-02T03:04:05.678Z``. A JavaScript reader turns everything
    that looks like a date into one and writes it again with milliseconds before it checks the signature.
    """
    expires_at = now_ms + max_age * 1000
    signature = _compact_signature(payload, expires_at, secret)
    envelope = {"session": payload, "expiresAt": expires_at, "signature": signature}
    return base64url_encode(wire_json.dumps(envelope).encode())


def decode_compact(value: str, *, secret: str, now_ms: int) -> dict[str, Any] | None:
    """The payload of ``encode_compact``; see ``Decode``.

    The format signs the payload written once more with the expiry inside, so it has to be parsed
    before it is trusted.
    """
    try:
        if len(value) > MAX_VALUE_LENGTH:
            return None
        envelope = wire_json.loads_object(base64url_decode(value))
        payload, expires_at, given = (envelope.get(name) for name in ("session", "expiresAt", "signature"))
        if not (isinstance(payload, dict) and isinstance(given, str) and _is_number(expires_at)):
            return None
        expected = _compact_signature(payload, expires_at, secret)
        if not hmac.compare_digest(expected.encode(), given.encode()):
            return None
    except ValueError:
        return None
    return payload if expires_at >= now_ms and _is_cached_object(payload) else None


def encode_jwt(payload: Mapping[str, object], *, secret: str, now_ms: int, max_age: int) -> str:
    """An HS256 token whose claims are the payload with ``iat`` and ``exp`` at the end."""
    issued_at = now_ms // 1000
    return sign_hs256({**payload, "iat": issued_at, "exp": issued_at + max_age}, secret=secret)


def decode_jwt(value: str, *, secret: str, now_ms: int) -> dict[str, Any] | None:
    """The payload of ``encode_jwt``; see ``Decode``."""
    try:
        claims = verify_hs256(value, secret=secret, now=now_ms / 1000, max_length=MAX_VALUE_LENGTH)
    except InvalidToken:
        return None
    return _without_registered_claims(claims) if _is_cached_object(claims) else None


def encode_jwe(payload: Mapping[str, object], *, secret: str, now_ms: int, max_age: int) -> str:
    """The payload encrypted: the browser cannot read it either."""
    return encrypt_jwe(payload, secret=secret, salt=JWE_SALT, now=now_ms // 1000, max_age=max_age)


def decode_jwe(value: str, *, secret: str, now_ms: int) -> dict[str, Any] | None:
    """The payload of ``encode_jwe``; see ``Decode``."""
    if len(value) > MAX_VALUE_LENGTH:
        return None
    claims = decrypt_jwe(value, secret=secret, salt=JWE_SALT, now=now_ms / 1000)
    return _without_registered_claims(claims) if claims is not None and _is_cached_object(claims) else None


STRATEGIES: Mapping[str, Codec] = MappingProxyType(
    {
        "compact": Codec(encode=encode_compact, decode=decode_compact),
        "jwt": Codec(encode=encode_jwt, decode=decode_jwt),
        "jwe": Codec(encode=encode_jwe, decode=decode_jwe),
    }
)


def split_chunks(name: str, value: str, *, attributes_length: int) -> list[tuple[str, str]]:
    """The cookies (name, value) that carry ``value``: one under the plain name, else ``name.0``, ``name.1``…

    ``attributes_length`` counts what the header has after the value, from its first semicolon. Empty when
    the value would need more than 100 cookies: then it is not stored at all.
    """
    # Always measured for a two-digit suffix, like the reference, so that both cut at the same place.
    chunk_size = MAX_COOKIE_SIZE - len(f"{name}.99=") - attributes_length
    if chunk_size < 1:
        return []
    if len(value) <= chunk_size:
        return [(name, value)]
    starts = range(0, len(value), chunk_size)
    if len(starts) > MAX_CHUNKS:
        return []
    return [(f"{name}.{index}", value[start : start + chunk_size]) for index, start in enumerate(starts)]


def join_chunks(name: str, cookies: Mapping[str, str]) -> str | None:
    """The value stored under ``name``, whole or in chunks; None if there is none.

    Chunks of an older, longer value may be mixed in: the value is not to be trusted before it is decoded.
    """
    whole = cookies.get(name)
    if whole:
        return whole
    numbered = ((chunk_index(name, candidate), value) for candidate, value in cookies.items())
    chunks = {index: value for index, value in numbered if index is not None}
    return "".join(chunks[index] for index in sorted(chunks)) or None


def chunk_index(name: str, candidate: str) -> int | None:
    """The number of a chunk of ``name``; None for any other cookie, ``name.01`` and ``name.x`` included."""
    prefix = f"{name}."
    suffix = candidate[len(prefix) :]
    if not candidate.startswith(prefix) or not _CANONICAL_INTEGER.fullmatch(suffix):
        return None
    index = int(suffix)
    return index if index <= _LARGEST_SAFE_INTEGER else None


def _compact_signature(payload: Mapping[str, object], expires_at: int | float, secret: str) -> str:
    signed = wire_json.dumps({**payload, "expiresAt": expires_at})
    return base64url_encode(hmac.digest(secret.encode(), signed.encode(), "sha256"))


def _is_number(value: object) -> TypeGuard[int | float]:
    # bool is an int to Python; infinity, which 1e999 parses as, is refused when it is written again.
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_cached_object(claims: Mapping[str, object]) -> bool:
    # All tokens of the protocol are signed with one secret: an e-mail token verifies here as well.
    return isinstance(claims.get("session"), dict) and isinstance(claims.get("user"), dict)


def _without_registered_claims(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in _REGISTERED_CLAIMS}
