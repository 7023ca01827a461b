"""phpass (``$P$``, phpBB's ``$H$``) and Drupal 7's form (``$S$``; ``U$S$``, ``U$P$`` over an old MD5)."""

from __future__ import annotations

import hashlib
import hmac
import re

from better_auth.crypto.hash_limits import MalformedHash, bound_phpass
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.parameters import Parameters
from better_auth.crypto.legacy_hashes.typed import Typed, plain
from better_auth.crypto.legacy_hashes.unix_crypt import ALPHABET, hash64

_FORM = re.compile(
    r"(?P<over_md5>U?)(?:\$(?P<kind>[PH])\$(?P<md5>[./0-9A-Za-z]{31})"
    r"|\$S\$(?P<sha512>[./0-9A-Za-z]{52}))"
)


def read(stored: str, parameters: Parameters) -> Check:
    return phpass(stored)


def phpass(stored: str, typed: Typed = plain) -> Check:
    """Rounds and salt stand in the text. Sources: phpass; Drupal 7, ``includes/password.inc``."""
    match = _FORM.fullmatch(stored)
    if match is None:
        raise MalformedHash("not a phpass hash")
    name, body = ("md5", match["md5"]) if match["kind"] else ("sha512", match["sha512"])
    log2, salt, expected = ALPHABET.index(body[0]), body[1:9].encode(), body[9:]
    bound_phpass(log2)

    def fits(password: str) -> bool:
        secret = typed(password)
        if match["over_md5"]:
            secret = hashlib.md5(secret, usedforsecurity=False).hexdigest().encode()
        digest = hashlib.new(name, salt + secret, usedforsecurity=False).digest()
        for _ in range(2**log2):
            digest = hashlib.new(name, digest + secret, usedforsecurity=False).digest()
        # Drupal cuts the text to 55 characters.
        return hmac.compare_digest(hash64(digest)[: len(expected)], expected)

    return Check(fits, {"rounds": 2**log2})
