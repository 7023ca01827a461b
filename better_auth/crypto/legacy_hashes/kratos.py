"""Ory Kratos, whose strings look like PHC and mean something else: ``ln`` is N, two digests are SHA-3."""

from __future__ import annotations

import hashlib
import hmac
import re

from better_auth.crypto.hash_limits import MalformedHash, UnknownAlgorithm, read_cost
from better_auth.crypto.legacy_hashes import checks, firebase, ldap, modular, unix_crypt
from better_auth.crypto.legacy_hashes.digests import formatted
from better_auth.crypto.legacy_hashes.encodings import from_base64, from_hex
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.parameters import Parameters
from better_auth.crypto.legacy_hashes.typed import plain

_B64 = "[A-Za-z0-9+/]+=*"
_SCRYPT = re.compile(
    r"\$scrypt\$ln=(?P<n>[0-9]+),r=(?P<block_size>[0-9]+),p=(?P<parallelism>[0-9]+)"
    rf"\$(?P<salt>{_B64})\$(?P<key>{_B64})"
)
_DIGEST = re.compile(
    rf"\$(?P<name>md5|sha1|sha256|sha512)(?:\$pf=(?P<format>{_B64})\$(?P<salt>{_B64}))?\$(?P<digest>{_B64})"
)
_HMAC = re.compile(
    rf"\$hmac-(?P<name>md5|sha1|sha224|sha256|sha384|sha512)\$(?P<digest>{_B64})\$(?P<key>{_B64})"
)
_CRYPTS = {"$md5-crypt$": "$1$", "$sha256-crypt$": "$5$", "$sha512-crypt$": "$6$"}
_PBKDF2_DIGESTS = {"sha224": "sha3_224", "sha384": "sha3_384"}


def read(stored: str, parameters: Parameters) -> Check:
    """Source: Ory Kratos, ``hash/hash_comparator.go`` and its tests."""
    if stored.startswith("$firescrypt$"):
        return firebase.read(stored, parameters)
    if stored.startswith("$scrypt$"):
        return _scrypt(stored)
    if stored.startswith("$pbkdf2-"):
        return modular.pbkdf2(stored, digests=_PBKDF2_DIGESTS)
    if stored.startswith("$hmac-"):
        return _hmac(stored)
    if stored.startswith(("$argon2", "$2")):
        return ldap.bare(stored)
    if stored.upper().startswith("{SSHA"):
        return ldap.read(stored, parameters)
    for prefix, crypt_prefix in _CRYPTS.items():
        if stored.startswith(prefix):
            return unix_crypt.crypt(crypt_prefix + stored.removeprefix(prefix))
    return _digest(stored)


def _scrypt(stored: str) -> Check:
    match = _SCRYPT.fullmatch(stored)
    if match is None:
        raise MalformedHash("not a scrypt string of Kratos")
    return checks.scrypt_check(
        plain,
        salt=from_base64(match["salt"], is_padded=True),
        key=from_base64(match["key"], is_padded=True),
        work_factor=read_cost(match["n"]),
        block_size=read_cost(match["block_size"]),
        parallelism=read_cost(match["parallelism"]),
    )


def _hmac(stored: str) -> Check:
    """The digest is written in hex, and that text in base64."""
    match = _HMAC.fullmatch(stored)
    if match is None:
        raise MalformedHash("not an HMAC of Kratos")
    name, key = match["name"], from_base64(match["key"], is_padded=True)
    expected = from_hex(from_base64(match["digest"], is_padded=True).decode("ascii", "replace"))
    _ensure_length(name, expected)
    return Check(
        lambda password: hmac.compare_digest(hmac.digest(key, password.encode(), name), expected),
        is_instant=True,
    )


def _digest(stored: str) -> Check:
    match = _DIGEST.fullmatch(stored)
    if match is None:
        if stored.startswith(("$md5$", "$sha1$", "$sha256$", "$sha512$")):
            raise MalformedHash("not a digest of Kratos")
        raise UnknownAlgorithm("not a hash that Kratos knows")
    name, expected = match["name"], from_base64(match["digest"], is_padded=True)
    _ensure_length(name, expected)
    message = formatted("{PASSWORD}", b"")
    if match["format"]:
        template = from_base64(match["format"], is_padded=True).decode()
        message = formatted(template, from_base64(match["salt"], is_padded=True))

    def fits(password: str) -> bool:
        computed = hashlib.new(name, message(password.encode()), usedforsecurity=False).digest()
        return hmac.compare_digest(computed, expected)

    return Check(fits, is_instant=True)


def _ensure_length(name: str, digest: bytes) -> None:
    if len(digest) != hashlib.new(name, usedforsecurity=False).digest_size:
        raise MalformedHash("a digest of the wrong length")
