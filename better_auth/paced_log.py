"""Log lines that anybody can cause as often as they like, written once in a while."""

from __future__ import annotations

import logging
import time

SECONDS = 60.0


class PacedLog:
    """Each text, whatever is filled into it, at most once in ``SECONDS``."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._said_at: dict[str, float] = {}

    def say(self, level: int, text: str, *arguments: object) -> None:
        now = time.monotonic()
        if now - self._said_at.get(text, float("-inf")) >= SECONDS:
            self._said_at[text] = now
            self._logger.log(level, text, *arguments)
