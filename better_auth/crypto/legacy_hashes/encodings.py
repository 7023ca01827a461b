"""Bytes written as text, in every way that stored hashes know."""

from __future__ import annotations

import base64
import binascii
import re

from better_auth.crypto.hash_limits import MalformedHash

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")
_STANDARD = re.compile(r"[A-Za-z0-9+/]*")
_URL_SAFE = re.compile(r"[A-Za-z0-9_-]*")
_ADAPTED = re.compile(r"[A-Za-z0-9./]*")


def decoded(text: str, encoding: str) -> bytes:
    """``encoding``: utf8, hex, base64, base64url (either alphabet, padded or not). Or ``MalformedHash``."""
    if encoding == "utf8":
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise MalformedHash("text that is no Unicode") from None
    return from_hex(text) if encoding == "hex" else from_base64(text)


def from_hex(text: str) -> bytes:
    """In either case, without blanks."""
    if not _HEX.fullmatch(text):
        raise MalformedHash("not hexadecimal")
    return bytes.fromhex(text)


def from_base64(text: str, *, is_padded: bool = False) -> bytes:
    """Standard or URL-safe, never mixed. Padding may be absent unless ``is_padded``, but is never wrong."""
    return _from_base64(text, (_STANDARD, _URL_SAFE), is_padded=is_padded)


def from_phc_base64(text: str) -> bytes:
    """As in PHC strings (standard, no padding), or with passlib's ``.`` for ``+``."""
    return _from_base64(text, (_STANDARD, _ADAPTED), is_padded=False)


def _from_base64(text: str, alphabets: tuple[re.Pattern[str], ...], *, is_padded: bool) -> bytes:
    digits = text.rstrip("=")
    padding = len(text) - len(digits)
    if not any(alphabet.fullmatch(digits) for alphabet in alphabets) or len(digits) % 4 == 1:
        raise MalformedHash("not base64")
    needed = -len(digits) % 4
    if padding != needed and (padding or is_padded):
        raise MalformedHash("base64 cut off")
    standard = digits.replace("-", "+").replace("_", "/").replace(".", "+")
    try:
        return base64.b64decode(standard + "=" * needed, validate=True)
    except binascii.Error:
        raise MalformedHash("not base64") from None
