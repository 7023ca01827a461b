"""What a Laravel application has encrypted with its ``APP_KEY``: base64 of JSON with ``iv``, ``value``,
``mac`` and ``tag``.

AES in CBC with HMAC-SHA256 over ``iv`` and ``value`` as they are written, or in GCM, which has a ``tag``
instead.
"""

from __future__ import annotations

import base64
import hmac
import os

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7

from migration_tools.sources.php_values import NotSerialized, unserialize
from migration_tools.sources.source import SourceFault


class LaravelKey:
    """What opens encrypted columns; without a key, nothing."""

    def __init__(self, keys: tuple[bytes, ...] = ()) -> None:
        self._keys = keys

    @classmethod
    def of(cls, *variables: str | None) -> LaravelKey:
        """By the names of variables that hold ``APP_KEY`` as ``.env`` has it, and those of old, separated by
        commas (``APP_PREVIOUS_KEYS``). Raises ``SourceFault``."""
        return cls(tuple(key for name in variables if name for key in _keys_in(name)))

    def opened(self, stored: str) -> str | None:
        """The text, or None where no key fits."""
        return next((text for key in self._keys if (text := _opened(key, stored)) is not None), None)


def _opened(key: bytes, stored: str) -> str | None:
    try:
        message = orjson.loads(base64.b64decode(stored, validate=True))
        iv, value = message["iv"], message["value"]
        if message.get("tag"):
            sealed = base64.b64decode(value) + base64.b64decode(message["tag"])
            return _text(AESGCM(key).decrypt(base64.b64decode(iv), sealed, None))
        expected = hmac.digest(key, (iv + value).encode(), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), str(message["mac"]).encode()):
            return None
        decryptor = Cipher(algorithms.AES(key), modes.CBC(base64.b64decode(iv))).decryptor()
        padded = decryptor.update(base64.b64decode(value)) + decryptor.finalize()
        unpadder = PKCS7(128).unpadder()
        return _text(unpadder.update(padded) + unpadder.finalize())
    except (ValueError, KeyError, TypeError, InvalidTag):
        return None


def _text(octets: bytes) -> str | None:
    """``encrypt()`` serializes what it is given, ``encryptString()`` does not."""
    try:
        value = unserialize(octets)
    except NotSerialized:
        value = octets.decode()
    return value if isinstance(value, str) else None


def _keys_in(variable: str) -> list[bytes]:
    told = os.environ.get(variable)
    if not told:
        raise SourceFault(f"[parameters]: the environment variable {variable} is not set")
    return [_key(one.strip(), variable) for one in told.split(",") if one.strip()]


def _key(text: str, variable: str) -> bytes:
    try:
        key = base64.b64decode(text[7:], validate=True) if text.startswith("base64:") else text.encode()
    except ValueError:
        key = b""
    if len(key) not in (16, 32):
        raise SourceFault(f"[parameters]: {variable} holds no APP_KEY (base64:… of 32 bytes)")
    return key
