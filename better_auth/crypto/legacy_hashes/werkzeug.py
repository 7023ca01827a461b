"""Werkzeug (Flask): ``scrypt:N:r:p$salt$hex``, ``pbkdf2:digest:iterations$salt$hex``, and HMAC of old."""

from __future__ import annotations

import hashlib
import hmac
import re

from better_auth.crypto.hash_limits import MalformedHash, UnknownAlgorithm, read_cost
from better_auth.crypto.legacy_hashes import checks
from better_auth.crypto.legacy_hashes.encodings import from_hex
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.parameters import Parameters
from better_auth.crypto.legacy_hashes.typed import digest_name, plain

_FORM = re.compile(r"(?P<method>[A-Za-z0-9_:-]{1,64})\$(?P<salt>[^$]*)\$(?P<key>[0-9a-f]+)")
_SCRYPT_LENGTH = 64
_HMACS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")


def read(stored: str, parameters: Parameters) -> Check:
    """Reads ``iterations`` where the text has none: the default of the time was in the library alone."""
    match = _FORM.fullmatch(stored)
    if match is None:
        raise MalformedHash("not a Werkzeug hash")
    name, *costs = match["method"].split(":")
    salt, key = match["salt"].encode(), from_hex(match["key"])
    if name == "scrypt" and len(costs) == 3:
        if len(key) != _SCRYPT_LENGTH:
            raise MalformedHash("a key of the wrong length")
        work_factor, block_size, parallelism = map(read_cost, costs)
        return checks.scrypt_check(
            plain, salt=salt, key=key, work_factor=work_factor, block_size=block_size, parallelism=parallelism
        )
    if name == "pbkdf2" and len(costs) in (1, 2):
        iterations = read_cost(costs[1]) if len(costs) == 2 else parameters.number("iterations")
        return checks.pbkdf2_check(
            plain,
            digest=digest_name(costs[0]),
            salt=salt,
            key=key,
            iterations=iterations,
            is_one_block=True,
        )
    if name in _HMACS and not costs:
        return _digest_check(name, salt, key)
    raise UnknownAlgorithm("a method that is not known here")


def _digest_check(name: str, salt: bytes, expected: bytes) -> Check:
    """HMAC with the salt as its key; the bare digest where there is no salt."""
    if len(expected) != hashlib.new(name, usedforsecurity=False).digest_size:
        raise MalformedHash("a digest of the wrong length")

    def fits(password: str) -> bool:
        secret = password.encode()
        if salt:
            return hmac.compare_digest(hmac.digest(salt, secret, name), expected)
        return hmac.compare_digest(hashlib.new(name, secret, usedforsecurity=False).digest(), expected)

    return Check(fits, is_instant=True)
