"""One event, one line: nothing that a client sends can start a new line or colour a terminal.

``BETTER_AUTH_LOG_FORMAT`` chooses between lines to read and lines of JSON. In both, e-mail addresses are
masked, whoever put them there: the text of an exception often quotes what it choked on.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

# A run of such characters is read once, however long it is.
EMAIL = re.compile(r"(?<![\w.+-])([\w.+-])[\w.+-]*(@[\w-]+(?:\.[\w-]+)+)")
INDENT = "    "


class LineFormatter(logging.Formatter):
    """Time, level, logger, message; control characters and line separators are escaped.

    Only a traceback has several lines, indented so that none can pass for another event.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _visible(_masked(super().formatMessage(record)))

    def formatException(self, ei: Any) -> str:
        return _indented(_masked(super().formatException(ei)))

    def formatStack(self, stack_info: str) -> str:
        return _indented(_masked(stack_info))


class JsonFormatter(logging.Formatter):
    """One object each: time, level, logger, message; an event's members; an exception's traceback.

    Everything beyond ASCII is escaped, and nothing that can be logged is too strange to be encoded.
    """

    def format(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", None)
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": event["event"] if event else _masked(record.getMessage()),
        }
        if event:
            line["event"] = event
        if record.exc_info:
            line["traceback"] = _masked(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = _masked(record.stack_info)
        return json.dumps(line, default=str)


class FailuresByRoute(logging.Filter):
    """Django's own word on a view that raised, with the route for its path, which may carry a token.

    All else that comes by this way is the client's affair, or told by the endpoints themselves.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.exc_info:
            return False
        request = getattr(record, "request", None)
        match = getattr(request, "resolver_match", None)
        record.msg, record.args = "%s %s failed", (getattr(request, "method", ""), match and match.route)
        return True


def _masked(text: str) -> str:
    """``a…@example.com``, as the core masks addresses."""
    return EMAIL.sub(r"\1…\2", text)


def _indented(text: str) -> str:
    return "\n".join(INDENT + _visible(line) for line in text.split("\n"))


def _visible(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" if _is_hidden(char) else char for char in text)


def _is_hidden(char: str) -> bool:
    return ord(char) < 32 or 127 <= ord(char) < 160 or char in "\u2028\u2029"
