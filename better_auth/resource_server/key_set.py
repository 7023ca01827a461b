"""The auth server's key set as it was fetched (RFC 7517): which keys it has, and for how long."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from better_auth.crypto.jws import (
    ALGORITHMS,
    CURVES,
    Algorithm,
    PublicKey,
    UnusableKey,
    header_of,
    load_public,
)
from better_auth.crypto.jwt_reading import KID

logger = logging.getLogger("better_auth.resource_server")

MOST_KEYS = 100
_ALGORITHM_OF_CURVE: Mapping[str | None, Algorithm] = {curve: name for name, curve in CURVES.items()}


@dataclass(frozen=True, slots=True, eq=False)
class VerifyingKey:
    """A public key, for its one algorithm."""

    kid: str
    algorithm: Algorithm
    public: PublicKey
    jwk: Mapping[str, Any]


class KeySet:
    """Never changed, only replaced. ``fetched_at``: of ``time.monotonic()``, before it was asked for;
    ``fresh_for``: seconds."""

    def __init__(self, keys: Mapping[str, VerifyingKey], *, fetched_at: float, fresh_for: float) -> None:
        self.by_kid = keys
        # Tokens of our own server have this one header; others write the same in their own way.
        self.by_header = {header_of(key.algorithm, key.kid): key for key in keys.values()}
        self.fetched_at, self.fresh_for = fetched_at, fresh_for

    def age(self) -> float:
        return time.monotonic() - self.fetched_at


def read_keys(content: bytes, known: KeySet | None) -> dict[str, VerifyingKey]:
    """The keys of a fetched set. A key that has not changed stays the same object, so that what was verified
    with it stays verified. One that can't be used is passed over.

    Raises ``ValueError`` for what is no key set.
    """
    document = orjson.loads(content)
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list) or len(members) > MOST_KEYS:
        raise ValueError("no key set")
    before = known.by_kid if known else {}
    keys: dict[str, VerifyingKey] = {}
    for jwk in members:
        try:
            key = _read_key(jwk, before)
        except UnusableKey as fault:
            logger.info("a key of the auth server is passed over: %s", fault)
            continue
        if key.kid in keys:
            logger.warning("two keys of the auth server have one name: the first counts")
        keys.setdefault(key.kid, key)
    return keys


def _read_key(jwk: object, before: Mapping[str, VerifyingKey]) -> VerifyingKey:
    if not isinstance(jwk, dict):
        raise UnusableKey("no object")
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not KID.fullmatch(kid):
        raise UnusableKey("it has no name that a token may name")
    known = before.get(kid)
    if known is not None and known.jwk == jwk:
        return known
    algorithm = jwk.get("alg", _algorithm_of(jwk))
    if algorithm not in ALGORITHMS or jwk.get("use", "sig") != "sig":
        raise UnusableKey("it is for another purpose or algorithm")
    return VerifyingKey(kid, algorithm, load_public(algorithm, jwk), jwk)


def _algorithm_of(jwk: Mapping[str, Any]) -> Algorithm | None:
    """A key that names none is for the one that we use such a key for."""
    curve = jwk.get("crv")
    return _ALGORITHM_OF_CURVE.get(curve) if curve is None or isinstance(curve, str) else None
