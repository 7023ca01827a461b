"""MediaWiki: ``:A:`` and ``:B:`` (MD5), ``:pbkdf2:``, ``:bcrypt:``, ``:argon2:``."""

from __future__ import annotations

import hashlib
import hmac
import re

from better_auth.crypto.hash_limits import MalformedHash, UnknownAlgorithm, read_cost
from better_auth.crypto.legacy_hashes import checks, modular
from better_auth.crypto.legacy_hashes.encodings import from_base64
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.parameters import Parameters
from better_auth.crypto.legacy_hashes.typed import digest_name, plain

_MD5 = re.compile(r":[AB]:(?:(?P<salt>[^:$]*):)?(?P<digest>[0-9a-f]{32})")
_PBKDF2 = re.compile(
    r":pbkdf2:(?P<digest>[a-z0-9-]+):(?P<iterations>[0-9]+):(?P<length>[0-9]{1,4})"
    r":(?P<salt>[A-Za-z0-9+/]*=*):(?P<key>[A-Za-z0-9+/]+=*)"
)
_BCRYPT = re.compile(
    r":bcrypt:(?P<cost>[0-9]{1,2})\$(?P<salt>[./A-Za-z0-9]{22})\$(?P<digest>[./A-Za-z0-9]{31})"
)


def read(stored: str, parameters: Parameters) -> Check:
    if match := _MD5.fullmatch(stored):
        return _md5_check(match["salt"], match["digest"])
    if match := _PBKDF2.fullmatch(stored):
        key = from_base64(match["key"], is_padded=True)
        if len(key) != int(match["length"]):
            raise MalformedHash("a key of another length than stated")
        return checks.pbkdf2_check(
            plain,
            digest=digest_name(match["digest"]),
            salt=from_base64(match["salt"], is_padded=True),
            key=key,
            iterations=read_cost(match["iterations"]),
        )
    if match := _BCRYPT.fullmatch(stored):
        return modular.bcrypt(f"$2y${int(match['cost']):02}${match['salt']}{match['digest']}")
    if stored.startswith(":argon2:"):
        return modular.argon2(stored.removeprefix(":argon2:"))
    if stored.startswith((":A:", ":B:", ":pbkdf2:", ":bcrypt:")):
        raise MalformedHash("not a MediaWiki hash")
    raise UnknownAlgorithm("a type of MediaWiki's that is not known here")


def _md5_check(salt: str | None, expected: str) -> Check:
    def fits(password: str) -> bool:
        digest = _md5(password)
        return hmac.compare_digest(digest if salt is None else _md5(f"{salt}-{digest}"), expected)

    return Check(fits, is_instant=True)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
