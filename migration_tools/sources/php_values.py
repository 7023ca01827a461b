"""What PHP's ``serialize`` has written: texts, numbers, arrays. Objects are not read.

Source: the PHP manual, "serialize"; lengths count bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DEEPEST = 16
LONGEST = 1_048_576
NUMBERS: Mapping[bytes, Callable[[str], Any]] = {b"b:": lambda told: told == "1", b"i:": int, b"d:": float}


class NotSerialized(ValueError):
    """It was not written by ``serialize``, or holds what is not read here."""


def unserialize(text: str | bytes) -> Any:
    """The value; arrays are dictionaries. Raises ``NotSerialized``."""
    octets = text.encode() if isinstance(text, str) else text
    if len(octets) > LONGEST:
        raise NotSerialized("too long")
    try:
        value, end = _value(octets, 0, 0)
    except (ValueError, IndexError):
        raise NotSerialized("not what serialize writes") from None
    if end != len(octets):
        raise NotSerialized("more follows")
    return value


def _value(octets: bytes, at: int, depth: int) -> tuple[Any, int]:
    """The value that begins here, and where it ends."""
    kind = octets[at : at + 2]
    if depth > DEEPEST:
        raise NotSerialized("too deep")
    if kind == b"N;":
        return None, at + 2
    if kind in NUMBERS:
        end = octets.index(b";", at)
        return NUMBERS[kind](octets[at + 2 : end].decode()), end + 1
    if kind == b"s:":
        length, start = _count(octets, at + 2)
        end = start + 1 + length
        if octets[start : start + 1] != b'"' or octets[end : end + 2] != b'";':
            raise NotSerialized("a text of another length")
        return octets[start + 1 : end].decode(), end + 2
    if kind == b"a:":
        return _array(octets, at + 2, depth)
    raise NotSerialized("a kind of value that is not read")


def _array(octets: bytes, at: int, depth: int) -> tuple[dict[Any, Any], int]:
    count, at = _count(octets, at)
    if octets[at : at + 1] != b"{":
        raise NotSerialized("an array without a beginning")
    at += 1
    found = {}
    for _ in range(count):
        if at >= len(octets):
            raise NotSerialized("an array without an end")
        key, at = _value(octets, at, depth + 1)
        if not isinstance(key, int | str):
            raise NotSerialized("a key that is none")
        found[key], at = _value(octets, at, depth + 1)
    if octets[at : at + 1] != b"}":
        raise NotSerialized("an array without an end")
    return found, at + 1


def _count(octets: bytes, at: int) -> tuple[int, int]:
    end = octets.index(b":", at)
    digits = octets[at:end]
    if not digits.isdigit() or len(digits) > 7:
        raise NotSerialized("a length that is none")
    return int(digits), end + 1
