"""ID tokens of providers: signature, issuer, audience, times and nonce, before anything in them is believed.

Sources: OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725; core.md, section 8 (age and skew).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from better_auth import clock
from better_auth.providers import documents
from better_auth.providers.records import ProviderFailed

Claims = Mapping[str, Any]
# Never one of a shared secret: a key set is public (RFC 8725, section 2.1).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SKEW_SECONDS = 30
HOUR = 3600
LONGEST = 16 * 1024


class IdTokenRefused(ProviderFailed):
    """Not one of this provider's, not for us, or not for now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """``issuers``: one of these; none where ``accepts`` judges that. ``max_age``: seconds since it was
    issued, or None. ``hashed_nonce``: the SHA-256 of the nonce will do, as Apple has it."""

    jwks_url: str
    issuers: tuple[str, ...]
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...] = ("RS256",)
    max_age: int | None = None
    hashed_nonce: bool = False
    accepts: Callable[[Claims], bool] | None = None


def verify(token: str, expected: Expectations, *, nonce: str | None = None) -> Claims:
    """The claims. Where a ``nonce`` was sent the token must carry it. Raises ``IdTokenRefused``, or
    ``ProviderFailed`` where the keys can't be read."""
    if len(token) > LONGEST:
        raise IdTokenRefused("too long")
    claims = _signed_claims(token, expected)
    _ensure_timely(claims, max_age=expected.max_age)
    if expected.issuers and claims.get("iss") not in expected.issuers:
        raise IdTokenRefused("of another issuer")
    _ensure_for(claims, expected.audiences)
    if expected.accepts and not expected.accepts(claims):
        raise IdTokenRefused("not accepted")
    if nonce is not None and not _is_nonce(claims.get("nonce"), nonce, hashed=expected.hashed_nonce):
        raise IdTokenRefused("of another sign-in")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise IdTokenRefused("about nobody")
    return claims


def read_unverified(token: str) -> Claims:
    """The claims of a token that was verified when it came. Raises ``IdTokenRefused``."""
    try:
        claims: Claims = jwt.decode(token, options={"verify_signature": False})
    except (PyJWTError, ValueError):
        raise IdTokenRefused("malformed") from None
    return claims


def _signed_claims(token: str, expected: Expectations) -> Claims:
    try:
        header = jwt.get_unverified_header(token)
    except (PyJWTError, ValueError):
        raise IdTokenRefused("malformed") from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in expected.algorithms or algorithm not in ALGORITHMS or "crit" in header:
        raise IdTokenRefused("algorithm not accepted")
    if kid is not None and not isinstance(kid, str):
        raise IdTokenRefused("malformed")
    for key in documents.keys_at(expected.jwks_url, kid):
        claims = _claims_under(key, token, algorithm)
        if claims is not None:
            return claims
    raise IdTokenRefused("signed by nobody we know")


def _claims_under(key: Mapping[str, Any], token: str, algorithm: str) -> Claims | None:
    if key.get("alg", algorithm) != algorithm or key.get("kty") == "oct":
        return None
    try:
        public = jwt.PyJWK(dict(key), algorithm)
        # Times, issuer and audience are judged by our clock and our rules.
        claims: Claims = jwt.decode(
            token,
            public,
            algorithms=[algorithm],
            options={
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
                "verify_iss": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
    return claims


def _ensure_timely(claims: Claims, *, max_age: int | None) -> None:
    now = clock.timestamp()
    expires_at, issued_at = _moment(claims, "exp"), _moment(claims, "iat")
    if expires_at is None or issued_at is None:
        raise IdTokenRefused("without its times")
    if expires_at <= now - SKEW_SECONDS:
        raise IdTokenRefused("expired")
    not_before = _moment(claims, "nbf") or issued_at
    if max(issued_at, not_before) > now + SKEW_SECONDS:
        raise IdTokenRefused("of the future")
    if max_age is not None and now - issued_at > max_age + SKEW_SECONDS:
        raise IdTokenRefused("too old")


def _moment(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e12 < value < 1e12:
        raise IdTokenRefused(f"{name} is no time")
    return float(value)


def _ensure_for(claims: Claims, audiences: Sequence[str]) -> None:
    """Of several audiences the token must say that it was made for one of us (``azp``)."""
    meant = claims.get("aud")
    names = meant if isinstance(meant, list) else [meant]
    if not any(name in audiences for name in names if isinstance(name, str)):
        raise IdTokenRefused("for another audience")
    party = claims.get("azp")
    if len(names) > 1 and party not in audiences:
        raise IdTokenRefused("for another party")


def _is_nonce(said: object, sent: str, *, hashed: bool) -> bool:
    if not isinstance(said, str):
        return False
    accepted = [sent, hashlib.sha256(sent.encode()).hexdigest()] if hashed else [sent]
    return any(hmac.compare_digest(said.encode("utf-8", "replace"), one.encode()) for one in accepted)
