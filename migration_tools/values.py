"""From what files and tables hold to what records are made of: times, truths, texts.

All raise ``Refused`` with a stable reason.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from migration_tools.records import Refused

# Above this a bare number of seconds is one of milliseconds: the year 5138, or 1973.
LARGEST_SECONDS = 100_000_000_000
TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})
FALSE = frozenset({"", "0", "f", "false", "n", "no", "off", "null", "none"})
NUMBER = re.compile(r"-?\d{1,17}(\.\d{1,9})?")
ZERO_DATE = "0000-00-00"


def text_of(value: Any, name: str) -> str | None:
    """Text, or None for nothing. Numbers are written out; NUL and lone surrogates can't be stored."""
    if value is None:
        return None
    if type(value) is str and value.isascii() and "\0" not in value:  # nearly always
        return value
    if isinstance(value, bool | dict | list):
        raise Refused("invalid-value", f"{name} is no text")
    if isinstance(value, bytes | bytearray | memoryview):
        value = decoded(bytes(value), name)
    text = value if isinstance(value, str) else str(value)  # a database gives UUIDs and decimals, too
    if not text.isascii() or "\0" in text:
        ensure_storable(text, name)
    return text


def ensure_storable(text: str, name: str) -> None:
    if "\0" in text:
        raise Refused("invalid-text", f"{name} holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("invalid-text", f"{name} holds half of a character") from None


def decoded(raw: bytes, name: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Refused("invalid-encoding", f"{name} is not UTF-8") from None


def truth_of(value: Any, name: str) -> bool:
    """Databases and files write yes and no in many ways; whatever is neither is refused, not guessed."""
    if isinstance(value, bool):
        return value
    if value is None:
        return False
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, bytes) and value in (b"\0", b"\1"):  # MySQL's bit(1)
        return value == b"\1"
    if isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE:
            return True
        if word in FALSE:
            return False
    raise Refused("invalid-value", f"{name} is neither true nor false")


def moment_of(value: Any, name: str, zone: tzinfo | None = None) -> datetime | None:
    """A point in time; numbers are seconds or milliseconds since 1970. Without a zone of its own it has
    ``zone``; without that it is refused, because a guess would be wrong for somebody."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        text = value.strip()
        if text.startswith(ZERO_DATE):
            return None
        # A date has its first hyphen or colon here, and a number none.
        value = float(text) if text[4:5] not in ("-", ":") and NUMBER.fullmatch(text) else _parsed(text, name)
    if isinstance(value, bool) or not isinstance(value, int | float | datetime | date):
        raise Refused("invalid-time", f"{name} is no time")
    if isinstance(value, int | float):
        return _from_number(value, name)
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return _placed(value, name, zone)


def _parsed(text: str, name: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refused("invalid-time", f"{name} is no time that we can read") from None


def _from_number(value: float, name: str) -> datetime:
    seconds = value / 1000 if abs(value) > LARGEST_SECONDS else value
    try:
        return _milliseconds(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError):
        raise Refused("invalid-time", f"{name} is too far away") from None


def _placed(moment: datetime, name: str, zone: tzinfo | None) -> datetime:
    if moment.tzinfo is None:
        if zone is None:
            raise Refused("time-without-zone", f"{name} has no time zone: state it in the mapping (zone)")
        moment = moment.replace(tzinfo=zone)
    if moment.tzinfo is UTC:
        return _milliseconds(moment) if moment.microsecond else moment
    try:
        return _milliseconds(moment.astimezone(UTC))
    except (OverflowError, ValueError):
        raise Refused("invalid-time", f"{name} is too far away") from None


def _milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
