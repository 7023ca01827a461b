"""What client and server say to each other beside the application's own messages: JSON texts with a ``type``.

From the client: ``auth`` with a ``token``, ``ping``, ``pong``. From the server: ``auth.result``, ``ping``,
``pong``, ``session.updated``, ``session.expiring``, ``session.ended``, ``error``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from better_auth import clock

# Whatever has one of these words in it is looked at; all other messages are the application's unread.
WORDS = ('"auth', '"ping"', '"pong"', '"token"', '"access')
LONGEST_CONTROL = 16 * 1024
AUTH_TYPES = ("auth", "authenticate", "authentication")
TOKEN_NAMES = ("token", "access_token", "accessToken")
PING, PONG = '{"type":"ping"}', '{"type":"pong"}'
Kind = Literal["auth", "ping", "pong"]


@dataclass(frozen=True, slots=True)
class Control:
    """``token`` is of ``auth`` alone; empty where the message has none that is a text."""

    kind: Kind
    token: str = field(default="", repr=False)


def read_control(text: str) -> Control | None:
    """None for what is the application's. Never raises."""
    if len(text) > LONGEST_CONTROL or not any(word in text for word in WORDS):
        return None
    message = decode(text)
    if message is None:
        return None
    kind = message.get("type")
    if kind in ("ping", "pong"):
        return Control(kind)
    return Control("auth", _token_in(message)) if kind in AUTH_TYPES else None


def read_first(text: str) -> Control | None:
    """The same of the first message of a socket that has shown nothing: a token alone is enough."""
    control = read_control(text)
    if control is None and len(text) <= LONGEST_CONTROL:
        message = decode(text)
        if message is not None and "type" not in message and _token_in(message):
            return Control("auth", _token_in(message))
    return control


def decode(text: str) -> dict[str, Any] | None:
    """A JSON object; None for all else."""
    try:
        message = orjson.loads(text)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def encode(message: Mapping[str, Any]) -> str:
    return orjson.dumps(message, default=str).decode()


def accepted(
    *,
    user: Mapping[str, Any],
    session: Mapping[str, Any] | None,
    good_until: float | None,
    method: str,
    heartbeat: int,
) -> str:
    """``good_until``: Unix seconds; ``heartbeat``: seconds, 0 for none."""
    return encode(
        {
            "type": "auth.result",
            "success": True,
            "user": user,
            "session": session,
            "expiresAt": iso(good_until),
            "method": method,
            "heartbeat": heartbeat,
            "error": None,
        }
    )


def refused(code: str, message: str) -> str:
    error = {"code": code, "message": message}
    return encode({"type": "auth.result", "success": False, "user": None, "session": None, "error": error})


def updated(user: Mapping[str, Any], session: Mapping[str, Any] | None, good_until: float | None) -> str:
    return encode({"type": "session.updated", "user": user, "session": session, "expiresAt": iso(good_until)})


def expiring(good_until: float) -> str:
    return encode({"type": "session.expiring", "expiresAt": iso(good_until)})


def ended(reason: str) -> str:
    """``reason``: ``revoked``, ``expired``, ``shut_out``, ``forbidden`` or ``restart``."""
    return encode({"type": "session.ended", "reason": reason})


def error(code: str, message: str) -> str:
    return encode({"type": "error", "error": {"code": code, "message": message}})


def iso(timestamp: float | None) -> str | None:
    if timestamp is None:
        return None
    try:
        return clock.iso(datetime.fromtimestamp(timestamp, UTC))
    except (OverflowError, ValueError, OSError):  # beyond all calendars: it does not end
        return None


def _token_in(message: Mapping[str, Any]) -> str:
    found = next((message[name] for name in TOKEN_NAMES if isinstance(message.get(name), str)), "")
    return str(found).removeprefix("Bearer ").strip()
