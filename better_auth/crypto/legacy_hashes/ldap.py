"""``userPassword`` of directories: ``{SCHEME}text``, the scheme in either case.

Sources: RFC 2307, and what OpenLDAP, ForgeRock and passlib add to it.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from better_auth.crypto.hash_limits import MalformedHash, UnknownAlgorithm, read_cost
from better_auth.crypto.legacy_hashes import checks, modular, unix_crypt
from better_auth.crypto.legacy_hashes.encodings import from_base64, from_phc_base64
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.parameters import Parameters
from better_auth.crypto.legacy_hashes.typed import plain

_FORM = re.compile(r"\{(?P<scheme>[A-Za-z0-9_-]{1,32})\}(?P<value>.+)")
_PLAIN = {
    "MD5": "md5",
    "SHA": "sha1",
    "SHA1": "sha1",
    "SHA256": "sha256",
    "SHA384": "sha384",
    "SHA512": "sha512",
}
_SALTED = {"SMD5": "md5", "SSHA": "sha1", "SSHA1": "sha1", "SSHA256": "sha256", "SSHA384": "sha384"}
_SALTED |= {"SSHA512": "sha512"}
_PBKDF2 = {"PBKDF2": "sha1", "PBKDF2-SHA1": "sha1", "PBKDF2-SHA256": "sha256", "PBKDF2-SHA512": "sha512"}
_PBKDF2 |= {f"PBKDF2-HMAC-{name.upper()}": name for name in ("sha1", "sha256", "sha512")}
_DOLLARS = re.compile(r"(?P<iterations>[0-9]+)\$(?P<salt>[A-Za-z0-9+/.]*)\$(?P<key>[A-Za-z0-9+/.]+)")
_COLON = re.compile(r"(?P<iterations>[0-9]+):(?P<both>[A-Za-z0-9+/]+=*)")


def read(stored: str, parameters: Parameters) -> Check:
    """Without a scheme, a known prefix stands bare in real files; clear text is nothing to verify."""
    match = _FORM.fullmatch(stored)
    if match is None:
        return bare(stored)
    scheme, value = match["scheme"].upper(), match["value"]
    if scheme in _PLAIN or scheme in _SALTED:
        return _digest_check(_PLAIN.get(scheme) or _SALTED[scheme], value, is_salted=scheme in _SALTED)
    if scheme in _PBKDF2:
        return _pbkdf2_check(_PBKDF2[scheme], value)
    if scheme == "CRYPT":
        return unix_crypt.crypt(value)
    if scheme == "BCRYPT":
        return modular.bcrypt(value)
    if scheme == "ARGON2":
        return modular.argon2(value)
    raise UnknownAlgorithm("a storage scheme that is not known here")


def bare(stored: str) -> Check:
    if stored.startswith("$argon2"):
        return modular.argon2(stored)
    if stored.startswith(("$1$", "$2", "$5$", "$6$")):
        return unix_crypt.crypt(stored)
    raise UnknownAlgorithm("a value without a storage scheme")


def _digest_check(name: str, value: str, *, is_salted: bool) -> Check:
    octets = from_base64(value, is_padded=True)
    size = hashlib.new(name, usedforsecurity=False).digest_size
    expected, salt = octets[:size], octets[size:]
    if len(expected) != size or bool(salt) != is_salted:
        raise MalformedHash("a digest of the wrong length")

    def fits(password: str) -> bool:
        computed = hashlib.new(name, password.encode() + salt, usedforsecurity=False).digest()
        return hmac.compare_digest(computed, expected)

    return Check(fits, is_instant=True)


def _pbkdf2_check(name: str, value: str) -> Check:
    """passlib writes ``iterations$salt$key``, ForgeRock ``iterations:`` and the key followed by the salt."""
    if match := _DOLLARS.fullmatch(value):
        salt, key = from_phc_base64(match["salt"]), from_phc_base64(match["key"])
    elif match := _COLON.fullmatch(value):
        octets = from_base64(match["both"], is_padded=True)
        size = hashlib.new(name, usedforsecurity=False).digest_size
        key, salt = octets[:size], octets[size:]
        if len(salt) < 8:
            raise MalformedHash("a key of the wrong length")
    else:
        raise MalformedHash("not a PBKDF2 value")
    return checks.pbkdf2_check(
        plain,
        digest=name,
        salt=salt,
        key=key,
        iterations=read_cost(match["iterations"]),
        is_one_block=True,
    )
