"""The frame around every format: a Django hasher that reads, bounds, and only then computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.hashers import BasePasswordHasher, mask_hash

from better_auth.crypto.hash_limits import MAX_ENCODED_LENGTH, MalformedHash
from better_auth.crypto.legacy_hashes.parameters import Parameters

# Beyond this a password costs more than its hash does; the endpoints refuse far shorter ones.
MAX_PASSWORD_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class Check:
    """A stored hash, read and found affordable. Nothing is computed before ``fits`` is called.

    ``function`` names the derivation where more than one is possible. ``is_instant``: a digest or two, cheap
    enough to try the empty password at import.
    """

    fits: Callable[[str], bool]
    cost: Mapping[str, int] = field(default_factory=dict)
    function: str = ""
    is_instant: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """An encoding, taken apart."""

    stored: str
    check: Check
    allows_empty: bool


class LegacyHasher(BasePasswordHasher):
    """Verifies a format of other systems: ``<algorithm>$<parameters>$<the hash, byte for byte>``.

    The password enters as typed, never in a normal form of ours. Never outdated by itself: a hash is
    upgraded because another algorithm is preferred.
    """

    algorithm: str = ""

    @staticmethod
    def read(stored: str, parameters: Parameters) -> Check:
        """What the text says, within bounds; for each family to define. Raises as ``reading`` does."""
        raise NotImplementedError

    @classmethod
    def wrap(cls, stored: str, parameters: Parameters) -> str:
        """The encoding to keep; whether it can be read is for ``reading`` to say."""
        return f"{cls.algorithm}${parameters.packed()}${stored}"

    @classmethod
    def reading(cls, encoded: str) -> Reading:
        """What verifying takes. Raises ``MalformedHash`` or ``HashTooCostly`` from the text alone."""
        if len(encoded) > MAX_ENCODED_LENGTH:
            raise MalformedHash("too long")
        algorithm, _, rest = encoded.partition("$")
        packed, _, stored = rest.partition("$")
        if algorithm != cls.algorithm or not stored:
            raise MalformedHash("not an encoding of this family")
        parameters = Parameters.unpacked(packed)
        allows_empty = parameters.flag("allow_empty")
        check = cls.read(stored, parameters)
        parameters.ensure_all_read()
        return Reading(stored, check, allows_empty)

    @classmethod
    def variables(cls, encoded: str) -> list[str]:
        """Names of the environment variables without which this hash can't be verified."""
        try:
            return Parameters.unpacked(encoded.split("$", 2)[1]).variables()
        except (IndexError, MalformedHash):
            return []

    def encode(self, password: str, salt: str) -> str:
        """ValueError: nobody gets such a hash any more."""
        raise ValueError("legacy formats are read, not written")

    def decode(self, encoded: str) -> dict[str, Any]:
        """The parts of the encoding; ValueError if it has another shape or an absurd cost."""
        reading = self.reading(encoded)
        function = {"function": reading.check.function} if reading.check.function else {}
        return {"algorithm": self.algorithm, "hash": reading.stored, **function, **reading.check.cost}

    def verify(self, password: str, encoded: str) -> bool:
        """Whether the password fits; False as well for a hash that is broken or beyond our cost bounds.

        A NUL fits nothing: C libraries end there, and HMAC takes it for padding.
        """
        if len(password) > MAX_PASSWORD_LENGTH or "\0" in password:
            return False
        try:
            reading = self.reading(encoded)
            return (bool(password) or reading.allows_empty) and reading.check.fits(password)
        except ValueError:
            return False

    def safe_summary(self, encoded: str) -> dict[Any, Any]:
        """For the admin site, which shows broken rows as well."""
        try:
            decoded = self.decode(encoded)
        except ValueError:
            return {"algorithm": self.algorithm, "hash": "-"}
        stored = decoded.pop("hash")
        return {
            **{name.replace("_", " "): value for name, value in decoded.items()},
            "hash": mask_hash(stored),
        }

    def must_update(self, encoded: str) -> bool:
        return False

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing to make up for: a failed check is evened out by whoever verifies."""
