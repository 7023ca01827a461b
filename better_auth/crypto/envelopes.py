"""Secrets at rest: XChaCha20-Poly1305 under a key that follows from the application's secret.

Source: storage-and-crypto.md, section 5. The text is the protocol's, so rows brought over from the original
can be read, and the other way round. Which secret it is, ``sealing`` decides.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import struct
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

NONCE_LENGTH = 24
_VERSIONED = re.compile(r"\$ba\$(0|[1-9]\d{0,8})\$([0-9a-f]*)", re.ASCII)
_ROUNDS = 20
_CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")
_MASK = 0xFFFFFFFF
# The columns of the state, then its diagonals (RFC 8439, section 2.3).
_QUARTERS = (
    (0, 4, 8, 12),
    (1, 5, 9, 13),
    (2, 6, 10, 14),
    (3, 7, 11, 15),
    (0, 5, 10, 15),
    (1, 6, 11, 12),
    (2, 7, 8, 13),
    (3, 4, 9, 14),
)


class Undecryptable(ValueError):
    """Not encrypted with this secret, or changed since."""


def encrypt(text: str, *, secret: str) -> str:
    """Lower-case hex of nonce, ciphertext and tag."""
    nonce = secrets.token_bytes(NONCE_LENGTH)
    cipher, tail = _cipher(secret, nonce)
    return (nonce + cipher.encrypt(tail, text.encode(), None)).hex()


def decrypt(envelope: str, *, secret: str) -> str:
    """What was encrypted. Raises ``Undecryptable``."""
    try:
        sealed = bytes.fromhex(envelope)
        cipher, tail = _cipher(secret, sealed[:NONCE_LENGTH])
        return cipher.decrypt(tail, sealed[NONCE_LENGTH:], None).decode()
    except (ValueError, InvalidTag, struct.error):
        raise Undecryptable("the envelope can't be opened") from None


def with_version(envelope: str, version: int) -> str:
    """The same, saying under which of several secrets it was written: ``$ba$2$…``."""
    return f"$ba${version}${envelope}"


def split_version(text: str) -> tuple[int | None, str]:
    """The version that a text tells, if it does, and the bare envelope."""
    told = _VERSIONED.fullmatch(text)
    return (int(told[1]), told[2]) if told else (None, text)


def _cipher(secret: str, nonce: bytes) -> tuple[ChaCha20Poly1305, bytes]:
    """XChaCha20 is ChaCha20 under a key that the nonce's first 16 bytes yield, with the rest as nonce."""
    return ChaCha20Poly1305(_hchacha20(_key(secret), nonce[:16])), b"\x00" * 4 + nonce[16:]


@lru_cache(maxsize=8)
def _key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _hchacha20(key: bytes, nonce: bytes) -> bytes:
    """Source: draft-irtf-cfrg-xchacha, section 2.2."""
    state = [*_CONSTANTS, *struct.unpack("<8I", key), *struct.unpack("<4I", nonce)]
    for _ in range(_ROUNDS // 2):
        for a, b, c, d in _QUARTERS:
            for first, second, third, distance in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                state[first] = (state[first] + state[second]) & _MASK
                mixed = state[third] ^ state[first]
                state[third] = (mixed << distance | mixed >> 32 - distance) & _MASK
    return struct.pack("<8I", *state[:4], *state[12:])
