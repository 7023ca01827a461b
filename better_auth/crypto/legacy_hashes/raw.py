"""bcrypt in all its uses; and bare keys, whose salt and costs stand elsewhere or only in the old code."""

from __future__ import annotations

import re

from better_auth.crypto.hash_limits import UnknownAlgorithm
from better_auth.crypto.legacy_hashes import checks, modular
from better_auth.crypto.legacy_hashes.encodings import decoded, from_base64
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.parameters import Parameters
from better_auth.crypto.legacy_hashes.typed import Typed, digest_name, read_typed

_ENCODINGS = ("hex", "base64", "base64url")
_BCRYPT_DIGEST = re.compile(r"[./A-Za-z0-9]{31}")


def read_bcrypt(stored: str, parameters: Parameters) -> Check:
    """Reads what ``read_typed`` reads (Devise: ``pepper_env``; Meteor: ``inner`` = sha256), and a separate
    ``salt`` with its ``position``, which counts toward the 72 bytes.

    A digest of 31 characters takes ``bcrypt_salt`` and ``cost`` beside it.
    """
    typed = _salted(read_typed(parameters), parameters)
    if _BCRYPT_DIGEST.fullmatch(stored):
        cost = parameters.number("cost")
        return modular.bcrypt(f"$2a${cost:02}${parameters.text('bcrypt_salt')}{stored}", typed)
    return modular.bcrypt(stored, typed)


def read_argon2(stored: str, parameters: Parameters) -> Check:
    """A PHC string; or a key with ``salt``, ``memory`` (KiB), ``passes``, ``parallelism``, ``type`` (id) and
    ``version`` (19). ``allow_argon2d`` is false unless stated.
    """
    typed, allow_d = read_typed(parameters), parameters.flag("allow_argon2d")
    if stored.startswith("$argon2"):
        return modular.argon2(stored, typed, allow_d=allow_d)
    variant = parameters.choice("type", ("id", "i", "d"), "id")
    if variant == "d" and not allow_d:
        raise UnknownAlgorithm("argon2d is not allowed here")
    return checks.argon2_check(
        typed,
        variant=variant,
        version=parameters.number("version", 19),
        key=_key(stored, parameters),
        salt=parameters.octets("salt"),
        memory=parameters.number("memory"),
        passes=parameters.number("passes"),
        parallelism=parameters.number("parallelism"),
    )


def read_scrypt(stored: str, parameters: Parameters) -> Check:
    """A PHC string; or a key with ``salt``, ``work_factor`` (N), ``block_size``, ``parallelism``.

    Defaults are Node's: N = 16384, r = 8, p = 1.
    """
    typed = read_typed(parameters)
    if stored.startswith("$scrypt$"):
        return modular.scrypt(stored, typed)
    return checks.scrypt_check(
        typed,
        key=_key(stored, parameters),
        salt=parameters.octets("salt"),
        work_factor=parameters.number("work_factor", 16_384),
        block_size=parameters.number("block_size", 8),
        parallelism=parameters.number("parallelism", 1),
    )


def read_pbkdf2(stored: str, parameters: Parameters) -> Check:
    """A PHC or passlib string; or a key with ``salt``, ``digest``, ``iterations``."""
    typed = read_typed(parameters)
    if stored.startswith("$pbkdf2"):
        return modular.pbkdf2(stored, typed)
    return checks.pbkdf2_check(
        typed,
        digest=digest_name(parameters.text("digest")),
        key=_key(stored, parameters),
        salt=parameters.octets("salt"),
        iterations=parameters.number("iterations"),
    )


def _key(stored: str, parameters: Parameters) -> bytes:
    """Read before the salt, which ``layout`` may find in the same text."""
    stored = parameters.unlaid(stored)
    encoding = parameters.choice("encoding", _ENCODINGS, "hex")
    # Base64 that has lost its padding may have lost some of its key.
    return from_base64(stored, is_padded=True) if encoding == "base64" else decoded(stored, encoding)


def _salted(typed: Typed, parameters: Parameters) -> Typed:
    if not parameters.has("salt"):
        return typed
    salt = parameters.octets("salt")
    if parameters.choice("position", ("prefix", "suffix"), "prefix") == "prefix":
        return lambda password: salt + typed(password)
    return lambda password: typed(password) + salt
