"""Password hashes of other systems: read by Django hashers, bounded in cost, replaced at the first sign-in.

``from_legacy`` makes the encoding to store; ``HASHERS`` goes at the end of ``PASSWORD_HASHERS``.
"""

from __future__ import annotations

from better_auth.crypto.hash_limits import (
    AmbiguousHash,
    EmptyPasswordHash,
    HashTooCostly,
    MalformedHash,
    UnknownAlgorithm,
)
from better_auth.crypto.legacy_hashes.framing import LegacyHasher
from better_auth.crypto.legacy_hashes.hashers import HASHERS
from better_auth.crypto.legacy_hashes.schemes import SCHEMES, from_legacy

__all__ = [
    "HASHERS",
    "SCHEMES",
    "AmbiguousHash",
    "EmptyPasswordHash",
    "HashTooCostly",
    "LegacyHasher",
    "MalformedHash",
    "UnknownAlgorithm",
    "from_legacy",
]
