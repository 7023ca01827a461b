"""Reading a JWT that somebody shows: shape, header, signature, claims, each before the next costs anything.

Sources: RFC 7515, 7519 and 8725.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

import orjson

from better_auth.crypto import wire_json
from better_auth.crypto.jose import InvalidToken, base64url_decode, ensure_timely
from better_auth.crypto.jws import PublicKey, is_signed_by

Claims = Mapping[str, Any]

# A compact token of ours is a kilobyte or two; one with claims of the host's may be some more.
LONGEST_JWT = 8192
LONGEST_HEADER = 512
CLOCK_SKEW_SECONDS = 60
# With these a header would have us look for the key elsewhere, or asks for what we don't do.
REFUSED_MEMBERS = frozenset({"crit", "jku", "jwk", "x5u", "x5c", "b64", "zip"})
TYPES = frozenset({"jwt", "at+jwt"})
KID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_jwt(token: str) -> bool:
    """By its shape: three parts, and not longer than any that we would read."""
    return len(token) <= LONGEST_JWT and token.count(".") == 2


def read_header(header_text: str) -> dict[str, object]:
    """Raises ``InvalidToken`` for what is no header that we accept of anybody."""
    if len(header_text) > LONGEST_HEADER:
        raise InvalidToken("header too long")
    try:
        header = wire_json.loads_object(base64url_decode(header_text))
    except ValueError:
        raise InvalidToken("malformed header") from None
    if REFUSED_MEMBERS & header.keys() or str(header.get("typ", "JWT")).lower() not in TYPES:
        raise InvalidToken("header not accepted")
    return header


def kid_in(header: Mapping[str, object]) -> str | None:
    """The key that a header names, where that could be a key's name."""
    kid = header.get("kid")
    return kid if isinstance(kid, str) and KID.fullmatch(kid) else None


def signed_claims(key: PublicKey, token: str) -> Claims:
    """The claims, which nobody looks at before the signature was found good. Raises ``InvalidToken``."""
    signed, _, signature_text = token.rpartition(".")
    try:
        is_good = is_signed_by(key, signed.encode("ascii"), base64url_decode(signature_text))
    except ValueError:
        raise InvalidToken("malformed") from None
    if not is_good:
        raise InvalidToken("signature does not match")
    return claims_in_part(signed.partition(".")[2])


def claims_in_part(payload_text: str) -> Claims:
    """Of the second part. It is signed as it stands, so its spelling need not be looked at. Raises
    ``InvalidToken``."""
    try:
        return claims_in(urlsafe_b64decode(payload_text + "=="))
    except ValueError:
        raise InvalidToken("malformed") from None


def claims_in(payload: bytes) -> Claims:
    """Raises ``InvalidToken``."""
    try:
        claims = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise InvalidToken("malformed claims") from None
    if not isinstance(claims, dict):
        raise InvalidToken("claims are no object")
    return claims


def ensure_acceptable(claims: Claims, *, issuer: str, now: float) -> None:
    """In their time (``now`` in Unix seconds), by this issuer and about somebody; whom they are for is the
    caller's to judge (``is_for``). Raises ``InvalidToken``."""
    ensure_timely(claims, now=now, leeway=0)
    if claims.get("iat", 0) > now + CLOCK_SKEW_SECONDS:
        raise InvalidToken("issued in the future")
    if claims.get("iss") != issuer:
        raise InvalidToken("of another issuer")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or "\x00" in subject:
        raise InvalidToken("about nobody")


def is_for(claims: Claims, *audiences: str) -> bool:
    """Whether one of these is meant (RFC 7519, section 4.1.3)."""
    meant = claims.get("aud")
    if isinstance(meant, list):
        return any(one in meant for one in audiences)
    return meant in audiences
