"""WordPress: phpass, since 6.8 bcrypt over a digest, bcrypt or Argon2 by plugins, MD5 of ancient times."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from better_auth.crypto.hash_limits import UnknownAlgorithm
from better_auth.crypto.legacy_hashes import modular
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.parameters import Parameters
from better_auth.crypto.legacy_hashes.phpass import phpass

_MD5 = re.compile(r"[0-9a-f]{32}")
# What PHP's trim() takes away.
_BLANKS = " \t\n\r\0\x0b"


def read(stored: str, parameters: Parameters) -> Check:
    """WordPress trims passwords, but did not always: the password as typed is tried first, then trimmed."""
    check = _read(stored)

    def fits(password: str) -> bool:
        trimmed = password.strip(_BLANKS)
        return check.fits(password) or (trimmed not in ("", password) and check.fits(trimmed))

    return Check(fits, check.cost, is_instant=check.is_instant)


def _read(stored: str) -> Check:
    if stored.startswith("$wp$2"):
        return modular.bcrypt(stored.removeprefix("$wp"), _prehashed)
    if stored.startswith("$2"):
        return modular.bcrypt(stored)
    if stored.startswith(("$P$", "$H$")):
        return phpass(stored)
    if stored.startswith("$argon2"):
        return modular.argon2(stored)
    if _MD5.fullmatch(stored):
        expected = bytes.fromhex(stored)
        return Check(lambda password: hmac.compare_digest(_md5(password), expected), is_instant=True)
    raise UnknownAlgorithm("not a hash that WordPress writes")


def _prehashed(password: str) -> bytes:
    """Source: WordPress 6.8, ``wp_hash_password``."""
    return base64.b64encode(hmac.digest(b"wp-sha384", password.encode(), "sha384"))


def _md5(password: str) -> bytes:
    return hashlib.md5(password.encode(), usedforsecurity=False).digest()
