"""Attributes that Rails has encrypted (Active Record Encryption), as devise-two-factor keeps its secrets.

A JSON text: ``p`` is the payload, ``h`` holds ``iv`` and ``at`` of AES-256-GCM, and ``c`` where it was
compressed first.

Source: Rails guides, "Active Record Encryption"; the key is made by PBKDF2 with 2^16 iterations.
"""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from migration_tools.sources.source import SourceFault

ITERATIONS = 2**16
# Rails 7.0 and before, and since.
DIGESTS = ("sha256", "sha1")
LONGEST = 65_536


class RailsKeys:
    """What opens encrypted attributes; without keys, only those that are not encrypted."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = tuple(keys)

    @classmethod
    def of(cls, primary_key_env: str | None, salt_env: str | None) -> RailsKeys:
        """By the names of the variables that hold ``primary_key`` and ``key_derivation_salt``. Raises
        ``SourceFault``."""
        if not primary_key_env and not salt_env:
            return cls()
        primary_key, salt = (_secret(name) for name in (primary_key_env, salt_env))
        return cls([hashlib.pbkdf2_hmac(name, primary_key, salt, ITERATIONS, 32) for name in DIGESTS])

    def opened(self, stored: str) -> str | None:
        """The attribute's text, or None where no key fits."""
        if not stored.startswith("{"):
            return stored
        try:
            message = orjson.loads(stored)
            headers = message["h"]
            sealed = _octets(message["p"]) + _octets(headers["at"])
            iv = _octets(headers["iv"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return None
        return next(
            (text for key in self._keys if (text := _opened(key, iv, sealed, headers)) is not None), None
        )


def _opened(key: bytes, iv: bytes, sealed: bytes, headers: Mapping[str, Any]) -> str | None:
    try:
        octets = AESGCM(key).decrypt(iv, sealed, None)
        if headers.get("c"):
            octets = zlib.decompressobj().decompress(octets, LONGEST)
        return octets.decode()
    except (InvalidTag, ValueError, zlib.error):
        return None


def _octets(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _secret(variable: str | None) -> bytes:
    secret = os.environ.get(variable) if variable else None
    if not secret:
        raise SourceFault(
            "[parameters]: otp_primary_key_env and otp_salt_env name the environment variables with "
            f"primary_key and key_derivation_salt; {variable or 'one'} is not set"
        )
    return secret.encode()
