"""What scripts can tell from the exit code."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    REFUSED = 1
    INCOMPLETE = 2
    STOPPED = 3
    DIFFERENT = 4
    KEPT = 5
