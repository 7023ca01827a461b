"""A fast digest over salt and password, in all the ways in which tables of the past were filled; and HMAC."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from better_auth.crypto.hash_limits import MalformedHash, bound_digest
from better_auth.crypto.legacy_hashes.encodings import decoded
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.parameters import Parameters
from better_auth.crypto.legacy_hashes.typed import digest_name, environment_secret, read_typed

_ENCODINGS = ("hex", "base64", "base64url")
_LOOPS = ("digest", "hex", "salted")
_INSTANT_ROUNDS = 10
# What repeats the password repeats its cost.
_MAX_REPEATS = 4
_PASSWORD, _SALT = "{PASSWORD}", "{SALT}"


def read(stored: str, parameters: Parameters) -> Check:
    """Reads ``digest``, ``encoding`` (hex), ``salt`` and ``salt_encoding`` (utf8), ``position`` (prefix,
    suffix, or a format such as ``{SALT}--{PASSWORD}``), ``rounds`` (or ``iterations``; 1) and what is hashed
    in each further one (``loop``: the digest, its hex text, or Symfony's digest and salted password), and
    what ``read_typed`` reads; ``layout`` where the salt stands in the same column."""
    name = digest_name(parameters.text("digest"))
    expected = expected_digest(parameters.unlaid(stored), name, parameters)
    typed = read_typed(parameters)
    salted = read_salted(parameters)
    rounds = parameters.number("iterations" if parameters.has("iterations") else "rounds", 1)
    loop = parameters.choice("loop", _LOOPS, "digest")
    bound_digest(rounds)

    def fits(password: str) -> bool:
        message = salted(typed(password))
        computed = _digest(name, message)
        for _ in range(rounds - 1):
            if loop == "hex":
                computed = computed.hex().encode()
            computed = _digest(name, computed + message if loop == "salted" else computed)
        return hmac.compare_digest(computed, expected)

    is_instant = rounds <= _INSTANT_ROUNDS and not parameters.has("pepper_env")
    return Check(fits, {"rounds": rounds}, is_instant=is_instant)


def read_hmac(stored: str, parameters: Parameters) -> Check:
    """Reads ``digest``, ``encoding``, ``key`` (``key_encoding``: utf8) or ``key_env``; as ``read``."""
    name = digest_name(parameters.text("digest"))
    expected = expected_digest(parameters.unlaid(stored), name, parameters)
    typed = read_typed(parameters)
    salted = read_salted(parameters)
    variable = parameters.variable("key_env")
    key = parameters.octets("key") if variable is None else b""

    def fits(password: str) -> bool:
        secret = environment_secret(variable) if variable else key
        return hmac.compare_digest(hmac.digest(secret, salted(typed(password)), name), expected)

    return Check(fits, is_instant=variable is None and not parameters.has("pepper_env"))


def expected_digest(stored: str, name: str, parameters: Parameters) -> bytes:
    """The stored digest. Raises ``MalformedHash`` if it has not the length of its algorithm."""
    digest = decoded(stored, parameters.choice("encoding", _ENCODINGS, "hex"))
    if len(digest) != hashlib.new(name, usedforsecurity=False).digest_size:
        raise MalformedHash("a digest of the wrong length")
    return digest


def read_salted(parameters: Parameters) -> Callable[[bytes], bytes]:
    """How password and salt are put together."""
    salt = parameters.octets("salt", default="")
    position = parameters.text("position", "prefix")
    if position in ("prefix", "suffix"):
        position = _SALT + _PASSWORD if position == "prefix" else _PASSWORD + _SALT
    if salt and _SALT not in position:
        raise MalformedHash("a format without a salt")
    return formatted(position, salt)


def formatted(template: str, salt: bytes) -> Callable[[bytes], bytes]:
    """``{SALT}`` and ``{PASSWORD}`` in a text, filled in at one go: neither is searched for the other."""
    if not 1 <= template.count(_PASSWORD) <= _MAX_REPEATS or template.count(_SALT) > _MAX_REPEATS:
        raise MalformedHash("a format without a password, or with too many")
    pieces = [piece.encode().replace(_SALT.encode(), salt) for piece in template.split(_PASSWORD)]
    return lambda password: password.join(pieces)


def _digest(name: str, message: bytes) -> bytes:
    return hashlib.new(name, message, usedforsecurity=False).digest()
