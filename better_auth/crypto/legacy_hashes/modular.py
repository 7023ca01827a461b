"""Modular strings that carry their own parameters: bcrypt, PHC (Argon2, scrypt, PBKDF2), passlib's PBKDF2."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from better_auth.crypto.hash_limits import HashTooCostly, MalformedHash, UnknownAlgorithm, read_cost
from better_auth.crypto.legacy_hashes import checks
from better_auth.crypto.legacy_hashes.encodings import from_phc_base64
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.parameters import Parameters
from better_auth.crypto.legacy_hashes.typed import Typed, digest_name, plain

BCRYPT = re.compile(
    r"\$2(?P<letter>[abxy])\$(?P<cost>[0-9]{2})\$(?P<salt>[./A-Za-z0-9]{22})(?P<digest>[./A-Za-z0-9]{31})"
)
_ARGON2 = re.compile(
    r"\$argon2(?P<variant>id|i|d)(?:\$v=(?P<version>[0-9]{1,3}))?"
    r"\$m=(?P<memory>[0-9]+),t=(?P<passes>[0-9]+),p=(?P<parallelism>[0-9]+)"
    r"\$(?P<salt>[A-Za-z0-9+/]+=*)\$(?P<key>[A-Za-z0-9+/]+=*)"
)
_SCRYPT = re.compile(
    r"\$scrypt\$ln=(?P<log2>[0-9]+),r=(?P<block_size>[0-9]+),p=(?P<parallelism>[0-9]+)"
    r"\$(?P<salt>[A-Za-z0-9+/.]*=*)\$(?P<key>[A-Za-z0-9+/.]+=*)"
)
_PBKDF2 = re.compile(
    r"\$pbkdf2(?:-(?P<digest>[a-z0-9_-]+))?(?:\$(?P<costs>[a-z0-9=,]*))?"
    r"\$(?P<salt>[A-Za-z0-9+/.]*=*)\$(?P<key>[A-Za-z0-9+/.]+=*)"
)
_BCRYPT_SHA256 = re.compile(
    r"\$bcrypt-sha256\$(?:v=2,t=2b,r=(?P<cost>[0-9]{1,2})|2[ab],(?P<old_cost>[0-9]{1,2}))"
    r"\$(?P<salt>[./A-Za-z0-9]{22})\$(?P<digest>[./A-Za-z0-9]{31})"
)
_NAMED_COSTS = re.compile(r"(?:i=(?P<iterations>[0-9]+))?,?(?:l=(?P<length>[0-9]+))?")
# What the vendor assumes where the string is silent. Source: Auth0, bulk import schema.
_DEFAULT_ITERATIONS = "100000"


def bcrypt(stored: str, typed: Typed = plain) -> Check:
    match = BCRYPT.fullmatch(stored)
    if match is None:
        raise MalformedHash("not a bcrypt hash")
    letter, cost, salt, digest = match.groups()
    return checks.bcrypt_check(typed, letter=letter, cost=int(cost), salt=salt, digest=digest)


def argon2(stored: str, typed: Typed = plain, *, allow_d: bool = False) -> Check:
    """Argon2d leaks to whoever shares the processor; it is refused unless the source is known for it."""
    match = _ARGON2.fullmatch(stored)
    if match is None:
        raise MalformedHash("not an Argon2 string")
    if match["variant"] == "d" and not allow_d:
        raise UnknownAlgorithm("argon2d is not allowed here")
    return checks.argon2_check(
        typed,
        variant=match["variant"],
        version=int(match["version"] or 16),
        salt=from_phc_base64(match["salt"]),
        key=from_phc_base64(match["key"]),
        memory=read_cost(match["memory"]),
        passes=read_cost(match["passes"]),
        parallelism=read_cost(match["parallelism"]),
    )


def scrypt(stored: str, typed: Typed = plain) -> Check:
    """``ln`` is the logarithm of N here; Kratos means N itself by it and has its own reader."""
    match = _SCRYPT.fullmatch(stored)
    if match is None:
        raise MalformedHash("not a scrypt string")
    log2 = read_cost(match["log2"])
    if log2 > 62:  # the bound itself stands in hash_limits; this keeps the power small
        raise HashTooCostly("scrypt work factor beyond every bound")
    return checks.scrypt_check(
        typed,
        salt=from_phc_base64(match["salt"]),
        key=from_phc_base64(match["key"]),
        work_factor=2**log2,
        block_size=read_cost(match["block_size"]),
        parallelism=read_cost(match["parallelism"]),
    )


def pbkdf2(stored: str, typed: Typed = plain, *, digests: dict[str, str] | None = None) -> Check:
    """``$pbkdf2-<digest>$i=…,l=…$`` (PHC) or ``$pbkdf2-<digest>$<iterations>$`` (passlib).

    ``digests``: what a source means by names that others use for something else.
    """
    match = _PBKDF2.fullmatch(stored)
    if match is None:
        raise MalformedHash("not a PBKDF2 string")
    costs = match["costs"] or ""
    key = from_phc_base64(match["key"])
    if costs.isdigit():
        iterations = costs
    else:
        named = _NAMED_COSTS.fullmatch(costs)
        if named is None:
            raise MalformedHash("not a PBKDF2 string")
        iterations = named["iterations"] or _DEFAULT_ITERATIONS
        if named["length"] and int(named["length"][:6]) != len(key):
            raise MalformedHash("a key of another length than stated")
    name = match["digest"] or "sha1"
    return checks.pbkdf2_check(
        typed,
        digest=(digests or {}).get(name) or digest_name(name),
        salt=from_phc_base64(match["salt"]),
        key=key,
        iterations=read_cost(iterations),
        is_one_block=costs.isdigit(),
    )


def read_bcrypt_sha256(stored: str, parameters: Parameters) -> Check:
    """passlib's ``$bcrypt-sha256$``: bcrypt over a digest, which version 2 keys with the salt."""
    match = _BCRYPT_SHA256.fullmatch(stored)
    if match is None:
        raise MalformedHash("not a bcrypt-sha256 hash")
    salt, keyed = match["salt"], match["cost"]

    def typed(password: str) -> bytes:
        secret = password.encode()
        digest = hmac.digest(salt.encode(), secret, "sha256") if keyed else hashlib.sha256(secret).digest()
        return base64.b64encode(digest)

    cost = read_cost(match["cost"] or match["old_cost"])
    return checks.bcrypt_check(typed, letter="b", cost=cost, salt=salt, digest=match["digest"])
