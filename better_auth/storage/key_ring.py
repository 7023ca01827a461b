"""The signing keys as a process holds them: read at times, never on the way of a request that can do without.

A ring is never changed, only replaced. Private keys are opened when somebody first signs with them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import orjson

from better_auth.crypto import wire_json
from better_auth.crypto.jws import (
    ALGORITHMS,
    Algorithm,
    PublicKey,
    Signer,
    UnusableKey,
    header_of,
    load_private,
    load_public,
)
from better_auth.models import SigningKey
from better_auth.sealing import Undecryptable, open_sealed

logger = logging.getLogger("better_auth.signing_keys")

# A key that should have had a successor by now signs on for so long, rather than one nobody has heard of.
OVERTIME = timedelta(days=1)


class HeldKey:
    """A key of the ring, with its public part ready."""

    def __init__(self, row: SigningKey) -> None:
        """Raises ``UnusableKey``."""
        if row.alg not in ALGORITHMS:
            raise UnusableKey(f"{row.alg} is not known here")
        self.kid = row.id
        self.algorithm: Algorithm = row.alg
        self.signs_from, self.expires_at = row.signs_from, row.expires_at
        self.header = header_of(self.algorithm, self.kid)
        try:
            members: Mapping[str, Any] = wire_json.loads_object(row.public_key)
        except ValueError:
            raise UnusableKey("the public key is no JSON object") from None
        self.public: PublicKey = load_public(self.algorithm, members)
        self.jwk = published(self.algorithm, members, self.kid)
        self._private = row.private_key

    @cached_property
    def signer(self) -> Signer | None:
        """None where the private key can't be opened, as after a change of the secret; it verifies all the
        same."""
        try:
            text = orjson.loads(self._private)
            opened = text if isinstance(text, dict) else wire_json.loads_object(open_sealed(text))
            return Signer.of(self.algorithm, self.kid, load_private(self.algorithm, opened))
        except (UnusableKey, Undecryptable, ValueError, TypeError) as fault:
            logger.error("signing key %s can't sign (%s): another will", self.kid, type(fault).__name__)
            return None


class KeyRing:
    """``loaded_at``: of ``time.monotonic()``; ``last_id``: of the newest row, usable or not."""

    def __init__(self, keys: Sequence[HeldKey], *, last_id: str | None = None) -> None:
        self.loaded_at = time.monotonic()
        self.last_id = last_id
        self.keys = sorted(keys, key=lambda key: (key.signs_from, key.kid), reverse=True)
        self.by_header = {key.header: key for key in self.keys}
        self.by_kid = {key.kid: key for key in self.keys}

    @cached_property
    def jwks(self) -> bytes:
        """The key set as it is published, oldest key first."""
        return orjson.dumps({"keys": [key.jwk for key in reversed(self.keys)]})

    @property
    def newest(self) -> HeldKey | None:
        return self.keys[0] if self.keys else None

    def signing_key(self, at: datetime) -> HeldKey | None:
        """The newest key whose time to sign has come and is not long over."""
        for key in self.keys:
            if key.signs_from <= at < key.expires_at + OVERTIME and key.signer is not None:
                return key
        return None

    def age(self) -> float:
        return time.monotonic() - self.loaded_at


def published(algorithm: Algorithm, members: Mapping[str, Any], kid: str) -> dict[str, Any]:
    """A member of the key set. Source: jwt-bearer-multisession.md, "JWKS entry"."""
    return {"alg": algorithm, **members, "kid": kid}


def read_ring(*, at: datetime, grace: timedelta) -> KeyRing:
    """All keys that still verify. One that can't be read is passed over, and said so."""
    held, rows = [], list(SigningKey.objects.order_by("-signs_from", "-id"))
    for row in rows:
        if row.expires_at <= at - grace:
            continue
        try:
            held.append(HeldKey(row))
        except UnusableKey as fault:
            logger.error("signing key %s is passed over: %s", row.id, fault)
    return KeyRing(held, last_id=rows[0].id if rows else None)
