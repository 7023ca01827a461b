"""Django password hashers: Argon2id for new passwords, and the protocol's own scrypt form."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from typing import Any

from argon2.exceptions import InvalidHashError
from django.contrib.auth.hashers import Argon2PasswordHasher, BasePasswordHasher, mask_hash

from better_auth.crypto.hash_limits import (
    HashCost,
    HashTooCostly,
    MalformedHash,
    ensure_affordable,
    hash_cost,
)

# Only this is the protocol's default; databases with an own hash function hold other shapes.
_BETTER_AUTH_HASH = re.compile(r"(?P<salt>[0-9a-f]{32}):(?P<key>[0-9a-f]{128})")
_SALT = re.compile(r"[0-9a-f]{32}")


def from_better_auth(stored: str) -> str:
    """The Django encoding of a hash from a Better Auth ``account.password`` column, kept byte for byte.

    ValueError for every other shape: databases whose owner configured another hash function hold
    look-alikes, and guessing would lock their users out.
    """
    if not _BETTER_AUTH_HASH.fullmatch(stored):
        raise ValueError("not a Better Auth scrypt hash")
    return f"{BetterAuthScryptHasher.algorithm}${stored}"


class Argon2idHasher(Argon2PasswordHasher):
    """Argon2id at the cost OWASP recommends (19 MiB, two passes), for passwords in the form NFKC.

    The algorithm's name stays Django's, so hashes that Django made verify, at whatever cost they carry.
    They were made from the bytes as typed: such a password that NFKC changes is tried in both forms.
    The second try depends on the typed password alone and so tells nothing about the user.
    """

    algorithm = "argon2"
    memory_cost = 19_456
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        return super().encode(_normalized(password), salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Whether the password fits; False as well for a hash that is broken or beyond our cost bounds."""
        try:
            ensure_affordable(encoded)
            for form in _forms(password):
                if super().verify(form, encoded):
                    return True
        except (MalformedHash, HashTooCostly, InvalidHashError, UnicodeEncodeError):
            pass
        return False

    def must_update(self, encoded: str) -> bool:
        """True only if rehashing raises some cost and lowers none.

        Django updates on any difference, and would so replace the stronger hash of another
        installation by a weaker one.
        """
        ours = HashCost(self.algorithm, (self.memory_cost, self.time_cost, self.parallelism))
        try:
            return hash_cost(encoded).is_weaker_than(ours)
        except (MalformedHash, HashTooCostly):
            return False


class BetterAuthScryptHasher(BasePasswordHasher):
    """The hash that the reference server writes: ``better_auth_scrypt$<salt>:<key>``, scrypt over NFKC.

    The salt enters as its 32 hex characters, not as the 16 bytes they stand for. Never outdated by
    itself: a hash is upgraded because another algorithm is preferred.
    """

    algorithm = "better_auth_scrypt"
    work_factor = 16_384
    block_size = 16
    parallelism = 1
    key_length = 64
    # The parameters need 32 MiB and a little, just above what OpenSSL allows by default.
    max_memory = 67_108_864

    def salt(self) -> str:
        return secrets.token_hex(16)

    def encode(self, password: str, salt: str) -> str:
        if not _SALT.fullmatch(salt):
            raise ValueError("the salt is 32 lower-case hex digits")
        return f"{self.algorithm}${salt}:{self._key(password, salt)}"

    def decode(self, encoded: str) -> dict[str, Any]:
        """The parts of the encoding; ValueError if it has another shape."""
        algorithm, _, stored = encoded.partition("$")
        match = _BETTER_AUTH_HASH.fullmatch(stored)
        if algorithm != self.algorithm or match is None:
            raise ValueError("not a Better Auth scrypt hash")
        return {
            "algorithm": algorithm,
            "salt": match["salt"],
            "hash": match["key"],
            "work_factor": self.work_factor,
            "block_size": self.block_size,
            "parallelism": self.parallelism,
        }

    def verify(self, password: str, encoded: str) -> bool:
        """Whether the password fits; False as well for a stored value of another shape."""
        try:
            decoded = self.decode(encoded)
            return hmac.compare_digest(self._key(password, decoded["salt"]), decoded["hash"])
        except ValueError:
            return False

    def safe_summary(self, encoded: str) -> dict[Any, Any]:
        decoded = self.decode(encoded)
        return {
            "algorithm": decoded["algorithm"],
            "work factor": decoded["work_factor"],
            "block size": decoded["block_size"],
            "parallelism": decoded["parallelism"],
            "salt": mask_hash(decoded["salt"]),
            "hash": mask_hash(decoded["hash"]),
        }

    def must_update(self, encoded: str) -> bool:
        return False

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing to make up for: every hash of this form costs the same."""

    def _key(self, password: str, salt: str) -> str:
        return hashlib.scrypt(
            _normalized(password).encode(),
            salt=salt.encode("ascii"),
            n=self.work_factor,
            r=self.block_size,
            p=self.parallelism,
            maxmem=self.max_memory,
            dklen=self.key_length,
        ).hex()


def _normalized(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def _forms(password: str) -> list[str]:
    normalized = _normalized(password)
    return [normalized] if normalized == password else [normalized, password]
