"""The primitives, each bounded before it may run: bcrypt, Argon2, scrypt, PBKDF2."""

from __future__ import annotations

import hashlib
import hmac
import importlib
import logging
from collections.abc import Callable
from types import ModuleType

from argon2 import Type
from argon2.exceptions import Argon2Error
from argon2.low_level import hash_secret_raw

from better_auth.crypto.hash_limits import (
    MalformedHash,
    bound_argon2,
    bound_bcrypt,
    bound_pbkdf2,
    bound_scrypt,
)
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.typed import Typed

logger = logging.getLogger("better_auth.passwords")

# Shorter is no key but a piece of one, and would fit too many passwords.
MIN_KEY_LENGTH = 16
MAX_KEY_LENGTH = 256
BCRYPT_BYTES = 72
_BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def bcrypt_check(typed: Typed, *, letter: str, cost: int, salt: str, digest: str) -> Check:
    """bcrypt looks at 72 bytes, and so did the systems that wrote these hashes: longer passwords are cut.

    ``$2a$``, ``$2b$`` and ``$2y$`` are one algorithm. ``$2x$`` marks an old error with bytes above 127;
    such passwords never fit.
    """
    bound_bcrypt(cost)
    # The last character of a salt holds four bits that count for nothing, and that some libraries refuse.
    salt = salt[:-1] + _BCRYPT_ALPHABET[_BCRYPT_ALPHABET.index(salt[-1]) & 0b110000]

    def fits(password: str) -> bool:
        secret = typed(password)
        if b"\0" in secret or (letter == "x" and not secret.isascii()):
            return False
        computed = bcrypt_hash(secret[:BCRYPT_BYTES], f"$2b${cost:02}${salt}")
        return hmac.compare_digest(computed[-len(digest) :], digest)

    return Check(fits, {"work_factor": cost})


def argon2_check(
    typed: Typed,
    *,
    variant: str,
    version: int,
    salt: bytes,
    key: bytes,
    memory: int,
    passes: int,
    parallelism: int,
) -> Check:
    """``variant``: i, id or d. ``memory`` in KiB."""
    bound_argon2(memory, passes, parallelism)
    _ensure_key(key)
    if version not in (16, 19) or len(salt) < 8 or memory < 8 * parallelism:
        raise MalformedHash("parameters that Argon2 does not allow")
    kind = {"i": Type.I, "id": Type.ID, "d": Type.D}[variant]

    def fits(password: str) -> bool:
        try:
            computed = hash_secret_raw(
                typed(password), salt, passes, memory, parallelism, len(key), kind, version
            )
        except Argon2Error:
            return False
        return hmac.compare_digest(computed, key)

    costs = {"memory_cost": memory, "time_cost": passes, "parallelism": parallelism}
    return Check(fits, costs, function=f"argon2{variant}")


def scrypt_check(
    typed: Typed, *, salt: bytes, key: bytes, work_factor: int, block_size: int, parallelism: int
) -> Check:
    """``work_factor`` is N itself."""
    _ensure_key(key)
    derive = scrypt_deriver(salt, work_factor, block_size, parallelism, len(key))
    return Check(
        lambda password: hmac.compare_digest(derive(typed(password)), key),
        {"work_factor": work_factor, "block_size": block_size, "parallelism": parallelism},
    )


def scrypt_deriver(
    salt: bytes, work_factor: int, block_size: int, parallelism: int, length: int
) -> Callable[[bytes], bytes]:
    """Bounded when made, computed when called."""
    bound_scrypt(work_factor, block_size, parallelism)
    # OpenSSL allows 32 MiB by default, less than honest parameters take.
    memory = 128 * block_size * (work_factor + parallelism + 2) + 1024 * 1024

    def derive(secret: bytes) -> bytes:
        return hashlib.scrypt(
            secret, salt=salt, n=work_factor, r=block_size, p=parallelism, maxmem=memory, dklen=length
        )

    return derive


def pbkdf2_check(
    typed: Typed, *, digest: str, salt: bytes, key: bytes, iterations: int, is_one_block: bool = False
) -> Check:
    """``digest`` as hashlib names it. ``is_one_block``: the key has the digest's length, or was cut off."""
    _ensure_key(key)
    size = hashlib.new(digest, usedforsecurity=False).digest_size
    if is_one_block and len(key) != size:
        raise MalformedHash("a key of the wrong length")
    bound_pbkdf2(iterations, blocks=-(-len(key) // size))

    def fits(password: str) -> bool:
        computed = hashlib.pbkdf2_hmac(digest, typed(password), salt, iterations, len(key))
        return hmac.compare_digest(computed, key)

    return Check(fits, {"iterations": iterations})


def _ensure_key(key: bytes) -> None:
    if not MIN_KEY_LENGTH <= len(key) <= MAX_KEY_LENGTH:
        raise MalformedHash("a key of a length that nobody uses")


def bcrypt_hash(secret: bytes, setting: str) -> str:
    """``secret``: 72 bytes at most; ``setting``: prefix, cost and salt. ValueError without the library."""
    return str(_bcrypt().hashpw(secret, setting.encode()).decode())


def bcrypt_setting(cost: int) -> str:
    """Prefix, cost and a fresh salt."""
    return str(_bcrypt().gensalt(cost).decode())


def _bcrypt() -> ModuleType:
    # Not among the dependencies of the apps themselves: a host without such hashes needs no bcrypt.
    try:
        return importlib.import_module("bcrypt")
    except ImportError:
        logger.error("bcrypt is not installed: its password hashes can't be verified")
        raise ValueError("bcrypt is not installed") from None
