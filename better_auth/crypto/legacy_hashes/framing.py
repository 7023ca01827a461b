"""The frame around every format: a Django hasher that reads, bounds, and only then computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.contrib.auth.hashers import BasePasswordHasher, mask_hash

from better_auth.crypto.hash_limits import MAX_ENCODED_LENGTH, MalformedHash
from better_auth.crypto.legacy_hashes.parameters import Parameters

# Beyond this a password costs more than its hash does; the endpoints refuse far shorter ones.
MAX_PASSWORD_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class Check:
    """A stored hash, read and found affordable. Nothing is computed before ``fits`` is called."""

    fits: Callable[[str], bool]
    cost: Mapping[str, int] = field(default_factory=dict)
    # A digest or two: cheap enough to try the empty password at import.
    is_instant: bool = False


Reader = Callable[[str, Parameters], Check]


class LegacyHasher(BasePasswordHasher):
    """Verifies a format of other systems: ``<algorithm>$<parameters>$<the hash, byte for byte>``.

    The password enters as typed, never in a normal form of ours. Never outdated by itself: a hash is
    upgraded because another algorithm is preferred.
    """

    algorithm: str = ""
    read: ClassVar[Reader]

    @classmethod
    def wrapped(cls, stored: str, parameters: Parameters) -> str:
        """The encoding to keep. Raises ``MalformedHash`` or ``HashTooCostly``, and computes nothing dear."""
        encoded = f"{cls.algorithm}${parameters.packed()}${stored}"
        cls.check(encoded)
        return encoded

    @classmethod
    def check(cls, encoded: str) -> Check:
        """What verifying takes. Raises ``MalformedHash`` or ``HashTooCostly`` from the text alone."""
        return cls._read(encoded)[0]

    def encode(self, password: str, salt: str) -> str:
        """ValueError: nobody gets such a hash any more."""
        raise ValueError("legacy formats are read, not written")

    def decode(self, encoded: str) -> dict[str, Any]:
        """The parts of the encoding; ValueError if it has another shape or an absurd cost."""
        check, stored = self._read(encoded)
        return {"algorithm": self.algorithm, "hash": stored, **check.cost}

    def verify(self, password: str, encoded: str) -> bool:
        """Whether the password fits; False as well for a hash that is broken or beyond our cost bounds."""
        if len(password) > MAX_PASSWORD_LENGTH:
            return False
        try:
            check, _ = self._read(encoded)
            return (bool(password) or _allows_empty(encoded)) and check.fits(password)
        except ValueError:
            return False

    def safe_summary(self, encoded: str) -> dict[Any, Any]:
        decoded = self.decode(encoded)
        costs = {name.replace("_", " "): value for name, value in decoded.items() if isinstance(value, int)}
        return {"algorithm": self.algorithm, **costs, "hash": mask_hash(decoded["hash"])}

    def must_update(self, encoded: str) -> bool:
        return False

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing to make up for: a failed check is evened out by whoever verifies."""

    @classmethod
    def _read(cls, encoded: str) -> tuple[Check, str]:
        algorithm, packed, stored = _parts(encoded)
        if algorithm != cls.algorithm:
            raise MalformedHash("a hash of another family")
        parameters = Parameters.unpacked(packed)
        parameters.flag("allow_empty")
        check = cls.read(stored, parameters)
        parameters.ensure_all_read()
        return check, stored


def _parts(encoded: str) -> tuple[str, str, str]:
    if len(encoded) > MAX_ENCODED_LENGTH:
        raise MalformedHash("too long")
    algorithm, _, rest = encoded.partition("$")
    packed, _, stored = rest.partition("$")
    if not stored:
        raise MalformedHash("no hash")
    return algorithm, packed, stored


def _allows_empty(encoded: str) -> bool:
    return Parameters.unpacked(_parts(encoded)[1]).flag("allow_empty")
