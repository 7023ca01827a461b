"""JSON exactly as JavaScript's ``JSON.stringify`` writes it, for texts that are signed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ARRAY_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_ARRAY_INDEX_LIMIT = 2**32 - 1


def dumps(value: object) -> str:
    """Minified, insertion order kept, everything outside ASCII literal.

    The other side checks a signature by parsing the text and writing it again, so it must come out as
    JavaScript would write it: ``1.0`` as ``1``, keys that look like array indices first, lone surrogates
    escaped. Two differences are left, and a payload that holds one does not verify in Node: floats nearer
    to zero than 0.0001 keep Python's exponent, and integers beyond 2**53 keep all their digits. Raises
    ValueError for what JSON cannot say.
    """
    try:
        text = _ENCODER.encode(_as_javascript(value))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text.isascii() or not _LONE_SURROGATE.search(text):
        return text
    # Two halves of a pair held apart are one character to JavaScript; only a half alone is escaped.
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match.group()):04x}", joined)


def loads_object(text: str | bytes) -> dict[str, Any]:
    """The JSON object in ``text``, or ValueError for anything else, however hostile.

    ``NaN`` and ``Infinity``, which Python would read, are refused.
    """
    try:
        value = _DECODER.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _as_javascript(value: object) -> object:
    if isinstance(value, Mapping):
        members = {key: _as_javascript(member) for key, member in value.items()}
        indices = [key for key in members if _is_array_index(key)]
        if not indices:
            return members
        first = {key: members[key] for key in sorted(indices, key=int)}
        return first | members
    if isinstance(value, (list, tuple)):
        return [_as_javascript(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        # Through the shortest decimal form: int() alone would print binary digits that nobody wrote.
        return int(Decimal(repr(value)))
    return value


def _is_array_index(key: object) -> bool:
    # ECMAScript lists these before all other members, whatever the order of insertion.
    return isinstance(key, str) and bool(_ARRAY_INDEX.fullmatch(key)) and int(key) < _ARRAY_INDEX_LIMIT
