"""Other things than sessions in Redis, under the same rules as those (``shared_sessions``).

They have names in the same epoch, leave the same marks where they are over, and are void when that epoch is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from better_auth.storage import shared_sessions, verified_sessions
from better_auth.storage.subscription import subscription

Value = TypeVar("Value")


class SharedValues(Generic[Value]):
    """Dataclasses by name; ``decode`` makes one of what JSON keeps of it. It may raise ``KeyError``,
    ``TypeError`` or ``ValueError`` for what another version of us has written."""

    def __init__(self, decode: Callable[[dict[str, Any]], Value]) -> None:
        self._decode = decode

    def find(self, name: str, read: Callable[[], Value | None]) -> Value | None:
        """The value from Redis, or by ``read``, and then kept there, unless it was forgotten meanwhile."""
        if not verified_sessions.may_remember():
            return read()
        redis, epoch = verified_sessions.trusted_redis()
        if redis is None or epoch is None:
            return read()
        kept, may_add = self._kept(redis, epoch, name)
        if kept is not None:
            return kept
        started = time.monotonic()
        found = read()
        is_in_time = time.monotonic() - started < shared_sessions.LONGEST_READ_SECONDS
        if found is not None and may_add and is_in_time and subscription.epoch == epoch:
            self._add(redis, epoch, name, found)
        return found

    def _kept(self, redis: Any, epoch: str, name: str) -> tuple[Value | None, bool]:
        try:
            values, may_add = shared_sessions.read_value(redis, epoch, name)
        except Exception as fault:  # the driver's own kinds of failure, and those of the network beneath
            subscription.lose(fault)
            return None, False
        try:
            return (self._decode(values) if values else None), may_add
        except (KeyError, TypeError, ValueError):
            return None, False

    def _add(self, redis: Any, epoch: str, name: str, value: Value) -> None:
        try:
            shared_sessions.add_value(redis, epoch, name, value)
        except Exception as fault:  # as above: what was found is good, and the caller gets it
            subscription.lose(fault)
