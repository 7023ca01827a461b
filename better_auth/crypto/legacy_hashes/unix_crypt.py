"""crypt(3): MD5 (``$1$``, Apache's ``$apr1$``), SHA-256 (``$5$``), SHA-512 (``$6$``), bcrypt (``$2…``).

Sources: FreeBSD's crypt-md5; "Unix crypt using SHA-256 and SHA-512" (Drepper, 2008). The digests are
hashlib's, only the mixing stands here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from itertools import cycle, islice

from better_auth.crypto.hash_limits import MalformedHash, UnknownAlgorithm, bound_crypt, read_cost
from better_auth.crypto.legacy_hashes import modular
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.parameters import Parameters

ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MD5 = re.compile(r"(?P<magic>\$1\$|\$apr1\$)(?P<salt>[^$:]{0,8})\$(?P<digest>[./0-9A-Za-z]{22})")
_SHA = re.compile(
    r"\$(?P<kind>[56])\$(?:rounds=(?P<rounds>[0-9]+)\$)?(?P<salt>[^$:]{0,16})\$(?P<digest>[./0-9A-Za-z]{43,86})"
)
_SHA_KINDS = {"5": ("sha256", 43), "6": ("sha512", 86)}
_DEFAULT_ROUNDS = 5000
_MIN_ROUNDS = 1000
# In which order the bytes of a digest are written.
_MD5_ORDER = (0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 5, 11)


def read(stored: str, parameters: Parameters) -> Check:
    return crypt(stored)


def crypt(stored: str) -> Check:
    if stored.startswith("$2"):
        return modular.bcrypt(stored)
    if match := _MD5.fullmatch(stored):
        return _md5_check(match)
    if match := _SHA.fullmatch(stored):
        return _sha_check(match)
    if stored.startswith(("$1$", "$apr1$", "$5$", "$6$")):
        raise MalformedHash("not a crypt(3) hash")
    raise UnknownAlgorithm("a kind of crypt(3) that is not known here")


def hash64(octets: bytes) -> str:
    """Six bits a character from the lowest on, as crypt(3) and phpass write. That is not base64."""
    text = ""
    for start in range(0, len(octets), 3):
        group = octets[start : start + 3]
        value = int.from_bytes(group, "little")
        text += "".join(ALPHABET[value >> shift & 63] for shift in range(0, 8 * len(group), 6))
    return text


def _md5_check(match: re.Match[str]) -> Check:
    magic, salt = match["magic"].encode(), match["salt"].encode()

    def fits(password: str) -> bool:
        secret = password.encode()
        if b"\0" in secret:
            return False
        return hmac.compare_digest(_md5_crypt(secret, salt, magic), match["digest"])

    return Check(fits, {"rounds": 1000})


def _md5_crypt(secret: bytes, salt: bytes, magic: bytes) -> str:
    other = _md5(secret + salt + secret)
    mixed = secret + magic + salt + _repeated(other, len(secret))
    length = len(secret)
    while length:
        mixed += b"\0" if length & 1 else secret[:1]
        length >>= 1
    digest = _md5(mixed)
    for turn in range(1000):
        digest = _md5(_turn(turn, digest, secret, salt))
    groups = [digest[i] for i in _MD5_ORDER]
    # Written from the end of each triple; the last byte stands alone.
    ordered = bytes(byte for start in range(0, 15, 3) for byte in reversed(groups[start : start + 3]))
    return hash64(ordered) + hash64(bytes([groups[15]]))


def _sha_check(match: re.Match[str]) -> Check:
    name, length = _SHA_KINDS[match["kind"]]
    if len(match["digest"]) != length:
        raise MalformedHash("a digest of the wrong length")
    rounds = read_cost(match["rounds"]) if match["rounds"] else _DEFAULT_ROUNDS
    rounds = max(rounds, _MIN_ROUNDS)
    bound_crypt(rounds)
    salt = match["salt"].encode()

    def fits(password: str) -> bool:
        secret = password.encode()
        if b"\0" in secret:
            return False
        return hmac.compare_digest(_sha_crypt(name, secret, salt, rounds), match["digest"])

    return Check(fits, {"rounds": rounds})


def _sha_crypt(name: str, secret: bytes, salt: bytes, rounds: int) -> str:
    def sha(message: bytes) -> bytes:
        return hashlib.new(name, message).digest()

    other = sha(secret + salt + secret)
    mixed = secret + salt + _repeated(other, len(secret))
    length = len(secret)
    while length:
        mixed += other if length & 1 else secret
        length >>= 1
    digest = sha(mixed)
    long_secret = _repeated(sha(secret * len(secret)), len(secret))
    long_salt = _repeated(sha(salt * (16 + digest[0])), len(salt))
    for turn in range(rounds):
        digest = sha(_turn(turn, digest, long_secret, long_salt))
    return _sha_text(digest)


def _turn(turn: int, digest: bytes, secret: bytes, salt: bytes) -> bytes:
    """What is hashed in one round, of MD5-crypt and SHA-crypt alike."""
    message = secret if turn & 1 else digest
    if turn % 3:
        message += salt
    if turn % 7:
        message += secret
    return message + (digest if turn & 1 else secret)


def _sha_text(digest: bytes) -> str:
    """SHA-256 goes through its thirds one way, SHA-512 the other; what is left over closes the text."""
    third = len(digest) // 3
    text = ""
    first, second, last = 0, third, 2 * third
    for _ in range(third):
        text += hash64(bytes([digest[last], digest[second], digest[first]]))
        if len(digest) == 32:
            first, second, last = last + 1, first + 1, second + 1
        else:
            first, second, last = second + 1, last + 1, first + 1
    rest = digest[3 * third :]
    return text + hash64(rest)


def _repeated(octets: bytes, length: int) -> bytes:
    return bytes(islice(cycle(octets), length))


def _md5(message: bytes) -> bytes:
    return hashlib.md5(message, usedforsecurity=False).digest()
