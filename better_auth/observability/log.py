"""Each event becomes a line of JSON once its change has committed: logger ``better_auth.events``."""

from __future__ import annotations

import logging
from typing import Any

import orjson

from better_auth.events import Event, committed

logger = logging.getLogger("better_auth.events")


def write(*, event: Event, **kwargs: Any) -> None:
    """Ids, address and outcome; no e-mail address, no user agent, no token."""
    known = {
        "event": event.type,
        "success": event.success,
        "method": event.method,
        "subject": event.subject_id,
        "actor": event.actor_id,
        "session": event.session_id,
        "ip": event.client.ip_address,
        "details": dict(event.details),
    }
    line = {name: value for name, value in known.items() if value or value is False}
    level = logging.INFO if event.success else logging.WARNING
    # ``record.event`` is for formatters that write the members out themselves.
    logger.log(level, "%s", orjson.dumps(line).decode(), extra={"event": line})


def connect() -> None:
    committed.connect(write, dispatch_uid="better_auth.log")
