"""What a stored password hash will cost to verify, read from its text before anything is computed.

An imported hash with a memory cost of 4 GiB, or two thousand million iterations, is a denial of service at
sign-in. Look here both when a hash is imported and when it is verified.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_PBKDF2_ITERATIONS = 10_000_000
MAX_ARGON2_MEMORY_KIB = 256 * 1024
MAX_ARGON2_TIME = 16
MAX_ARGON2_PARALLELISM = 16
MIN_BCRYPT_COST = 4
MAX_BCRYPT_COST = 15
MAX_SCRYPT_WORK_FACTOR = 2**18
MAX_SCRYPT_BLOCK_SIZE = 16
MAX_SCRYPT_PARALLELISM = 16
MAX_SCRYPT_MEMORY_BYTES = 256 * 1024 * 1024
# Loops in Python over a fast digest: a second or so at the bound.
MAX_CRYPT_ROUNDS = 1_000_000
MAX_DIGEST_ROUNDS = 250_000
MAX_PHPASS_LOG2_ROUNDS = 20

# Django's own column holds 128 characters, upstream's hash takes 180; nothing honest is much longer.
MAX_ENCODED_LENGTH = 1024
# Beyond this a number is too large for every scheme, and not worth converting.
_MAX_DIGITS = 12


class MalformedHash(ValueError):
    """The text is no password hash that could be verified: unknown, unusable, or with broken parameters.

    ``reason`` is a fixed word for a report; neither it nor the message holds any of the hash.
    """

    reason = "malformed-hash"


class UnknownAlgorithm(MalformedHash):
    """An algorithm whose cost is not known here; a host's own hasher may know it."""

    reason = "unknown-hash"


class AmbiguousHash(UnknownAlgorithm):
    """Several systems write such a text and mean different things by it; the source must be named."""

    reason = "ambiguous-hash"


class EmptyPasswordHash(MalformedHash):
    """The hash of the empty password: whoever knows the address could sign in."""

    reason = "empty-password-hash"


class HashTooCostly(ValueError):
    """The hash is well formed, and would take more time or memory than we give to one sign-in."""

    reason = "hash-cost-out-of-bounds"


@dataclass(frozen=True, slots=True)
class HashCost:
    """An algorithm and its cost parameters, each the stronger the larger it is."""

    algorithm: str
    parameters: tuple[int, ...]

    def is_weaker_than(self, other: HashCost) -> bool:
        """Weaker in some parameter and stronger in none; False for two algorithms, which do not compare."""
        if self.algorithm != other.algorithm:
            return False
        pairs = list(zip(self.parameters, other.parameters, strict=True))
        return any(mine < theirs for mine, theirs in pairs) and not any(
            mine > theirs for mine, theirs in pairs
        )


def ensure_affordable(encoded: str) -> None:
    """Let pass only what can be verified at a bounded cost.

    Raises ``HashTooCostly`` or ``MalformedHash``; an unusable password (``!…``) and the empty string are
    malformed. Reads the text only, so a refusal is immediate.
    """
    _scheme_of(encoded).ensure_bounded(*hash_cost(encoded).parameters)


def is_weaker(encoded: str, than: str) -> bool:
    """Whether rehashing ``encoded`` with the parameters of ``than`` gains something and loses nothing."""
    return hash_cost(encoded).is_weaker_than(hash_cost(than))


def hash_cost(encoded: str) -> HashCost:
    """The cost written into a Django password encoding; MalformedHash if it cannot be read."""
    match = _scheme_of(encoded).pattern.fullmatch(encoded)
    if match is None:
        raise MalformedHash("malformed parameters")
    return HashCost(_algorithm_of(encoded), tuple(read_cost(digits) for digits in match.groups()))


@dataclass(frozen=True, slots=True)
class _Scheme:
    pattern: re.Pattern[str]
    ensure_bounded: Callable[..., None]


def _algorithm_of(encoded: str) -> str:
    return encoded.partition("$")[0]


def _scheme_of(encoded: str) -> _Scheme:
    if len(encoded) > MAX_ENCODED_LENGTH:
        raise MalformedHash("too long")
    algorithm = _algorithm_of(encoded)
    family = next((prefix for prefix in ("pbkdf2_", "bcrypt") if algorithm.startswith(prefix)), algorithm)
    scheme = _SCHEMES.get(family)
    if scheme is None:
        # Never quoted: what stands before the first "$" may be the whole of a foreign hash.
        raise UnknownAlgorithm("unknown algorithm")
    return scheme


def read_cost(digits: str) -> int:
    """A cost in ASCII digits. MalformedHash for anything else and for zero, HashTooCostly if absurd."""
    if not (digits.isascii() and digits.isdigit()):
        raise MalformedHash("a parameter is no number")
    if len(digits) > _MAX_DIGITS:
        raise HashTooCostly("a parameter is beyond every bound")
    number = int(digits)
    if number < 1:
        raise MalformedHash("a parameter is zero")
    return number


def bound_pbkdf2(iterations: int, *, blocks: int = 1) -> None:
    """``blocks``: each of the digest's length that the key has costs all iterations."""
    _at_most(MAX_PBKDF2_ITERATIONS, iterations * blocks, "pbkdf2 iterations")


def bound_argon2(memory: int, passes: int, parallelism: int) -> None:
    """``memory`` in KiB."""
    _at_most(MAX_ARGON2_MEMORY_KIB, memory, "argon2 memory")
    _at_most(MAX_ARGON2_TIME, passes, "argon2 time")
    _at_most(MAX_ARGON2_PARALLELISM, parallelism, "argon2 parallelism")


def bound_bcrypt(cost: int) -> None:
    if cost < MIN_BCRYPT_COST:
        raise MalformedHash("bcrypt has no cost below 4")
    _at_most(MAX_BCRYPT_COST, cost, "bcrypt cost")


def bound_scrypt(work_factor: int, block_size: int, parallelism: int) -> None:
    """``work_factor`` is N itself, not its logarithm."""
    if work_factor < 2 or work_factor & (work_factor - 1):
        raise MalformedHash("the scrypt work factor is not a power of two")
    _at_most(MAX_SCRYPT_WORK_FACTOR, work_factor, "scrypt work factor")
    _at_most(MAX_SCRYPT_BLOCK_SIZE, block_size, "scrypt block size")
    _at_most(MAX_SCRYPT_PARALLELISM, parallelism, "scrypt parallelism")
    _at_most(MAX_SCRYPT_MEMORY_BYTES, 128 * work_factor * block_size, "scrypt memory")


def bound_crypt(rounds: int) -> None:
    """SHA-crypt of crypt(3)."""
    _at_most(MAX_CRYPT_ROUNDS, rounds, "crypt rounds")


def bound_phpass(log2_rounds: int) -> None:
    _at_most(MAX_PHPASS_LOG2_ROUNDS, log2_rounds, "phpass rounds (log 2)")


def bound_digest(rounds: int) -> None:
    """A digest applied again and again."""
    _at_most(MAX_DIGEST_ROUNDS, rounds, "digest rounds")


def _at_most(bound: int, number: int, name: str) -> None:
    if number > bound:
        raise HashTooCostly(f"{name} {number} exceeds {bound}")


def bound_nothing() -> None:
    """A single digest, or parameters that the format fixes."""


_PBKDF2 = re.compile(r"pbkdf2_[a-z0-9_]+\$([0-9]+)\$[^$]+\$[A-Za-z0-9+/]+=*")
_ARGON2 = re.compile(
    r"argon2\$argon2(?:i|d|id)(?:\$v=[0-9]{1,3})?\$m=([0-9]+),t=([0-9]+),p=([0-9]+)"
    r"\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+"
)
_BCRYPT = re.compile(r"bcrypt[a-z0-9_]*\$\$2[abxy]?\$([0-9]+)\$[./A-Za-z0-9]{53}")
_SCRYPT = re.compile(r"scrypt\$([0-9]+)\$[^$]+\$([0-9]+)\$([0-9]+)\$[A-Za-z0-9+/]+=*")
_BETTER_AUTH_SCRYPT = re.compile(r"better_auth_scrypt\$[0-9a-f]{32}:[0-9a-f]{128}")
_DIGEST = re.compile(r"(?:md5|sha1)\$[^$]*\$[0-9a-f]+")

_SCHEMES = {
    "pbkdf2_": _Scheme(_PBKDF2, bound_pbkdf2),
    "argon2": _Scheme(_ARGON2, bound_argon2),
    "bcrypt": _Scheme(_BCRYPT, bound_bcrypt),
    "scrypt": _Scheme(_SCRYPT, bound_scrypt),
    "better_auth_scrypt": _Scheme(_BETTER_AUTH_SCRYPT, bound_nothing),
    "md5": _Scheme(_DIGEST, bound_nothing),
    "sha1": _Scheme(_DIGEST, bound_nothing),
}
