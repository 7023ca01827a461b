"""What an auth server announces to its own processes, heard by a service that shares its Redis."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from redis import Redis

from better_auth.paced_log import PacedLog
from better_auth.storage import shared_redis

log = PacedLog(logging.getLogger("better_auth.websocket"))

SILENCE_SECONDS = 1.0
PAUSE_SECONDS = 1.0
Heard = Callable[[Iterable[str] | None], None]


class SharedWord:
    """``turn`` grows with whatever is heard."""

    def __init__(self) -> None:
        self.turn = 0
        self._heard: Heard | None = None
        self._thread: threading.Thread | None = None

    def listen(self, heard: Heard) -> None:
        """In a thread of its own; without a Redis there is nothing to hear."""
        self._heard = heard
        if shared_redis.client() is not None and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(
                target=self._listen_forever, name="better-auth-shared-word", daemon=True
            )
            self._thread.start()

    def _listen_forever(self) -> None:
        while True:
            redis = shared_redis.client()
            if redis is None:
                return
            try:
                self._listen(redis)
            except Exception as fault:  # the driver's own kinds of failure, and those of the network beneath
                log.say(
                    logging.WARNING, "what the auth server announces is not heard: %s", type(fault).__name__
                )
            time.sleep(PAUSE_SECONDS)

    def _listen(self, redis: Redis) -> None:
        """Until the connection is lost. The driver's own subscriptions come back by themselves, and keep
        silent about what they missed."""
        pool: Any = redis.connection_pool
        connection: Any = pool.connection_class(**pool.connection_kwargs)
        try:
            connection.connect()
            connection.send_command("SUBSCRIBE", shared_redis.channel(redis))
            connection.read_response(push_request=True)
            self._tell(None)  # something may have been missed
            is_asked = False
            while True:
                if connection.can_read(timeout=SILENCE_SECONDS):
                    is_asked = False
                    self._take(connection.read_response(push_request=True))
                elif is_asked:
                    raise TimeoutError("no answer to a ping")
                else:
                    connection.send_command("PING", check_health=False)
                    is_asked = True
        finally:
            connection.disconnect()

    def _take(self, response: Any) -> None:
        if not isinstance(response, list) or response[0] != b"message":
            return  # an answer to a ping
        told = orjson.loads(response[2])
        if "epoch" in told:
            self._tell(None)
            return
        users, owners = told.get("users", ()), told.get("of", ())
        names = [
            *told.get("sessions", ()),
            *(f"user {one}" for one in users),
            *(f"of {one}" for one in owners),
        ]
        self._tell(names)

    def _tell(self, names: list[str] | None) -> None:
        self.turn += 1
        if self._heard is not None:
            self._heard(names)
