"""The one source of the current time.

Everything is kept to the millisecond: the wire format shows three fractional digits, and a value that is
read back must equal the value that was written.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The current instant in UTC, cut to the millisecond."""
    return to_milliseconds(datetime.now(UTC))


def timestamp() -> float:
    """The current instant in Unix seconds, where a comparison is all that is wanted."""
    return time.time()


def to_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970, as JavaScript counts."""
    return round(moment.timestamp() * 1000)


def from_epoch_ms(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def iso(moment: datetime) -> str:
    """``2026-11-20T21:26:18.090Z``, the one form that the client turns into a ``Date``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
