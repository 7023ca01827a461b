"""Why a socket is closed, as a code that the client's program can act by.

The socket is accepted before: a browser is told nothing of a refused handshake but 1006.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class CloseCode(IntEnum):
    """RFC 6455, section 7.4.2, leaves 4000 to 4999 to applications; 1012 is IANA's "Service Restart"."""

    RESTART = 1012
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    POLICY = 4403
    NOT_FOUND = 4404
    IDLE = 4408
    TOO_LARGE = 4413
    TOO_MANY_CONNECTIONS = 4429
    TOO_MANY_MESSAGES = 4430
    SLOW_READER = 4431
    EXPIRED = 4440
    REVOKED = 4441
    UNAVAILABLE = 4503


@dataclass(frozen=True, slots=True)
class Ending:
    """``reason`` goes into the close frame (123 bytes at most), ``told`` is a message sent before it."""

    code: int
    reason: str = ""
    told: str | None = None


class Refused(Exception):
    """Somebody may not come in. ``code`` and ``message`` are what ``auth.result`` says."""

    def __init__(self, close: CloseCode, code: str, message: str) -> None:
        self.close, self.code, self.message = close, code, message
        super().__init__(code)
