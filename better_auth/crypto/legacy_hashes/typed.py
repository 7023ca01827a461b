"""What the old system hashed of what was typed: its text encoding, an inner digest, a pepper."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
from collections.abc import Callable

from better_auth.crypto.hash_limits import UnknownAlgorithm
from better_auth.crypto.legacy_hashes.parameters import Parameters

logger = logging.getLogger("better_auth.passwords")

Typed = Callable[[str], bytes]

_CODECS = {"utf8": "utf-8", "utf16le": "utf-16-le", "ucs2": "utf-16-le", "latin1": "latin-1"}
_CODECS |= {"binary": "latin-1", "ascii": "ascii"}
_DIGESTS = {name: name for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")}
_DIGESTS |= {f"sha3-{size}": f"sha3_{size}" for size in (224, 256, 384, 512)}
_DIGESTS |= {"sha512-256": "sha512_256", "sha512-224": "sha512_224", "ripemd160": "ripemd160"}
_SIDES = ("suffix", "prefix")


class PepperMissing(ValueError):
    """The environment variable with the pepper is not set: no such password can be checked."""


def plain(password: str) -> bytes:
    """UTF-8, as nearly everybody does. UnicodeEncodeError, a ValueError, for half a surrogate pair."""
    return password.encode()


def read_typed(parameters: Parameters) -> Typed:
    """Reads ``password_encoding``, ``inner`` and ``inner_encoding`` (hex, base64, raw), ``pepper_env`` and
    ``pepper_position``."""
    if parameters.is_empty:  # as for most of a million rows
        return plain
    codec = _CODECS[parameters.choice("password_encoding", tuple(_CODECS), "utf8")]
    inner = digest_name(parameters.text("inner")) if parameters.has("inner") else None
    inner_encoding = parameters.choice("inner_encoding", ("hex", "base64", "raw"), "hex")
    variable = parameters.variable("pepper_env")
    is_prefix = parameters.choice("pepper_position", _SIDES, "suffix") == "prefix"

    def typed(password: str) -> bytes:
        secret = password.encode(codec)
        if inner:
            secret = _written(hashlib.new(inner, secret, usedforsecurity=False).digest(), inner_encoding)
        if variable is None:
            return secret
        pepper = environment_secret(variable)
        return pepper + secret if is_prefix else secret + pepper

    return typed


def environment_secret(variable: str) -> bytes:
    """A secret of the old system that is never stored with us. Raises ``PepperMissing``."""
    secret = os.environ.get(variable)
    if not secret:
        logger.error("environment variable %s is not set: no hash that needs it can be verified", variable)
        raise PepperMissing(variable)
    return secret.encode()


def digest_name(text: str) -> str:
    """hashlib's name for what is written ``SHA-256``, ``sha256``, ``sha3_512``… Or ``UnknownAlgorithm``."""
    name = text.lower().replace("_", "-").replace("/", "-")
    name = name.replace("sha-", "sha") if not name.startswith("sha3-") else name
    if name not in _DIGESTS or _DIGESTS[name] not in hashlib.algorithms_available:
        raise UnknownAlgorithm("a digest that is not known here")
    return _DIGESTS[name]


def _written(digest: bytes, encoding: str) -> bytes:
    if encoding == "hex":
        return digest.hex().encode()
    return base64.b64encode(digest) if encoding == "base64" else digest
