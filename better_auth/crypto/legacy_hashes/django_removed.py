"""What Django once wrote and no longer reads, or not in full: under its own names, as it stands in rows."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

from django.contrib.auth.hashers import (
    BasePasswordHasher,
    BCryptPasswordHasher,
    MD5PasswordHasher,
    mask_hash,
)

from better_auth.crypto.hash_limits import MalformedHash
from better_auth.crypto.legacy_hashes import checks, modular


class TruncatingBcrypt(BCryptPasswordHasher):
    """Django's ``bcrypt$``, for passwords of any length.

    Before version 5 the library cut passwords to 72 bytes; now it raises, and so does Django's hasher:
    whoever chose a longer one could not sign in any more.
    """

    def encode(self, password: str, salt: bytes) -> str:  # type: ignore[override]
        library: Any = self._load_library()  # type: ignore[attr-defined]
        hashed = library.hashpw(password.encode()[: checks.BCRYPT_BYTES], salt)
        return f"{self.algorithm}${hashed.decode('ascii')}"

    def verify(self, password: str, encoded: str) -> bool:
        """Whether the password fits; False as well for a hash that is broken or beyond our cost bounds."""
        try:
            return bool(password) and modular.bcrypt(encoded.partition("$")[2]).fits(password)
        except ValueError:
            return False


class SaltedMD5(MD5PasswordHasher):
    """``md5$salt$hex``."""

    def verify(self, password: str, encoded: str) -> bool:
        """Whether the password fits; False as well for a hash that is broken."""
        try:
            return bool(password) and super().verify(password, encoded)
        except (ValueError, AssertionError):
            return False


class SaltedSHA1(SaltedMD5):
    """``sha1$salt$hex``; Django removed its hasher in 5.1."""

    algorithm = "sha1"

    def encode(self, password: str, salt: str) -> str:
        digest = hashlib.sha1((salt + password).encode(), usedforsecurity=False)
        return f"{self.algorithm}${salt}${digest.hexdigest()}"


class UnsaltedMD5(BasePasswordHasher):
    """Bare hex, or ``md5$$hex``, as Django still recognises them. It removed its hasher in 5.1."""

    algorithm = "unsalted_md5"
    digest = "md5"
    form = re.compile(r"(?:md5\$\$)?([0-9a-f]{32})")

    def encode(self, password: str, salt: str) -> str:
        """ValueError: nobody gets such a hash any more."""
        raise ValueError("legacy formats are read, not written")

    def decode(self, encoded: str) -> dict[str, Any]:
        match = self.form.fullmatch(encoded)
        if match is None:
            raise MalformedHash("not an unsalted digest of Django's")
        return {"algorithm": self.algorithm, "hash": match[1], "salt": None}

    def verify(self, password: str, encoded: str) -> bool:
        """Whether the password fits; False as well for a hash that is broken."""
        try:
            expected = self.decode(encoded)["hash"]
            computed = hashlib.new(self.digest, password.encode(), usedforsecurity=False).hexdigest()
        except ValueError:
            return False
        return bool(password) and hmac.compare_digest(computed, expected)

    def safe_summary(self, encoded: str) -> dict[Any, Any]:
        """For the admin site, which shows broken rows as well."""
        match = self.form.fullmatch(encoded)
        return {"algorithm": self.algorithm, "hash": mask_hash(match[1]) if match else "-"}

    def must_update(self, encoded: str) -> bool:
        return False

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing to make up for."""


class UnsaltedSHA1(UnsaltedMD5):
    """``sha1$$hex``."""

    algorithm = "unsalted_sha1"
    digest = "sha1"
    form = re.compile(r"sha1\$\$([0-9a-f]{40})")
