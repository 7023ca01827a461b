"""Which JSON values can be kept as they are, and shown again.

Three limits meet: PostgreSQL has no text with a null character, and gives a float without a fraction back as
the whole number that it is; the writer of answers has integers of 64 bits and 254 levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Levels of objects and lists; an answer adds its own around them.
DEEPEST = 100
# Floats from here on have no fraction.
LARGEST = 2**63


def is_keepable(value: Any) -> bool:
    """What ``json`` or ``orjson`` may have read. However deep it goes, it is walked level by level."""
    level = [value]
    for _ in range(DEEPEST + 1):
        if not all(map(_is_plain, level)):
            return False
        level = [inner for one in level for inner in _inner(one)]
        if not level:
            return True
    return False


def _inner(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" not in value
    if isinstance(value, int | float):
        return -LARGEST < value < LARGEST  # and neither infinite nor no number
    return True
