"""JWTs that the auth server has signed, verified here by its key set."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator
from concurrent.futures import Future
from dataclasses import dataclass

from django.core.signals import setting_changed

from better_auth import clock
from better_auth.bounded import Bounded
from better_auth.conf import auth_settings
from better_auth.crypto.jose import InvalidToken, ensure_timely
from better_auth.crypto.jws import ALGORITHMS
from better_auth.crypto.jwt_reading import claims_in_part, kid_in, read_header, signed_claims
from better_auth.events import AuthMethod
from better_auth.resource_server.expectations import ensure_for_us, issuer
from better_auth.resource_server.key_set import KeySet, VerifyingKey
from better_auth.resource_server.key_source import key_source
from better_auth.resource_server.principal import Principal, of_claims


@dataclass(frozen=True, slots=True)
class Verified:
    key: VerifyingKey
    principal: Principal


# Of signed tokens that our key set knows nothing of, the auth server may have others.
ASKED_ABOUT = ("HS256", "HS384", "HS512", *ALGORITHMS)
# Of tokens that were good when they first came. Nobody but the auth server can fill it.
MOST_VERIFIED = 4096
_verified: Bounded[Verified] = Bounded(MOST_VERIFIED)

Waiting = Generator[Future[KeySet], KeySet, Principal | None]


def verify_at_once(token: str) -> Principal | None:
    """Whom a token of three parts is about, where nothing has to be waited for; else None.

    The signature is checked when a token first comes, its time at each coming; a token whose key is withdrawn
    is a new one. Raises ``InvalidToken``.
    """
    keys = key_source.current()
    if keys is None:
        return None
    digest = _digest(token)
    known = _verified.get(digest)
    if known is not None and keys.by_kid.get(known.key.kid) is known.key:
        ensure_for_us(known.principal.claims)
        return known.principal
    key = keys.by_header.get(token.partition(".")[0])
    return _verify_by(key, token, digest) if key is not None else None


def verify(token: str) -> Waiting:
    """The same, whatever it takes; None where the token is of no kind that a key set could verify. Raises
    ``InvalidToken``, and ``AuthServerUnavailable`` where only a fetch could tell."""
    header_text, payload_text, _ = token.split(".")
    key = yield from _find_key(header_text, payload_text)
    return _verify_by(key, token, _digest(token)) if key is not None else None


def ensure_worth_introspecting(token: str) -> None:
    """For a token of three parts that no key set could verify. Raises ``InvalidToken`` where such are not
    asked about (``INTROSPECT_JWTS``), or it would be refused whatever the auth server said."""
    header_text, payload_text, _ = token.split(".")
    algorithm = read_header(header_text).get("alg")
    if not auth_settings.resource_server.introspect_jwts or algorithm not in ASKED_ABOUT:
        raise InvalidToken("of no kind that we take")
    claims = claims_in_part(payload_text)
    ensure_timely(claims, now=clock.timestamp(), leeway=0)
    if claims.get("iss", issuer()) != issuer():
        raise InvalidToken("of another issuer")


def forget() -> None:
    """Check every signature anew."""
    global _verified
    _verified = Bounded(MOST_VERIFIED)


def _verify_by(key: VerifyingKey, token: str, digest: bytes) -> Principal:
    claims = signed_claims(key.public, token)
    ensure_for_us(claims)
    principal = of_claims(claims, method=AuthMethod.JWT)
    _verified.put(digest, Verified(key, principal))
    return principal


def _find_key(header_text: str, payload_text: str) -> Generator[Future[KeySet], KeySet, VerifyingKey | None]:
    """The algorithm is the key's, and never the token's to choose."""
    header = read_header(header_text)
    if header.get("alg") not in ALGORITHMS or "kid" not in header:
        return None
    kid = kid_in(header)
    if kid is None:
        raise InvalidToken("no name of a key")
    keys = key_source.current()
    key = keys.by_kid.get(kid) if keys else None
    if key is None:
        # For a token that would be refused whoever had signed it, no key set is fetched.
        ensure_for_us(claims_in_part(payload_text))
        key = (yield from key_source.newer(keys)).by_kid.get(kid)
    if key is None:
        raise InvalidToken("no key of the auth server")
    if header["alg"] != key.algorithm:
        raise InvalidToken("not the algorithm of this key")
    return key


def _digest(token: str) -> bytes:
    return hashlib.blake2b(token.encode("ascii"), digest_size=16).digest()


def _setting_changed(*, setting: str, **kwargs: object) -> None:
    if setting == "BETTER_AUTH":
        forget()


setting_changed.connect(_setting_changed, dispatch_uid="better_auth.resource_server.verified")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget)
