"""A thread in each process hears what the others announce: sessions that are over, users that changed.

While the subscription stands, memory may be trusted. When it is lost the memory is emptied and left empty,
and Redis is not asked: the database decides, until a new subscription stands and a new epoch has begun.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

import orjson
from redis import Redis

from better_auth.storage import shared_sessions
from better_auth.storage.local_sessions import local, name_of_user

logger = logging.getLogger("better_auth.sessions")

# A silence this long is broken by a ping; without an answer to it the connection counts as lost.
SILENCE_SECONDS = 1.0
# A lost connection is sought again, sooner at first.
PAUSES_SECONDS = (0.05, 0.2, 0.5, 1.0)


class Subscription:
    """``epoch``: that of the keys in Redis, None while it may not be trusted."""

    def __init__(self) -> None:
        self.epoch: str | None = None
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._missed = False
        self._is_told = False

    def is_live(self) -> bool:
        """Whether other processes are being heard; the first call begins to listen, in the background."""
        if self._pid != os.getpid():
            self._begin()
        return self.epoch is not None

    def is_lost(self) -> bool:
        """Something was missed: all that Redis has will be void, and need not be announced piece by piece."""
        if self._pid != os.getpid():
            self._begin()
        return self._missed

    def lose(self, fault: BaseException) -> None:
        """Redis failed somebody: trust nothing until a new epoch has begun."""
        if self._pid != os.getpid():
            self._begin()  # or nobody would begin it
        with self._lock:
            is_news = self.epoch is not None or not self._is_told
            self.epoch, self._missed, self._is_told = None, True, True
        local.clear()
        if is_news:
            logger.error(
                "Redis is lost (%s): sessions are read from the database until it is back",
                type(fault).__name__,
            )

    def abandon(self) -> None:
        """In a forked child: whoever held the lock is not here, nor is the thread that listens."""
        self._lock = threading.Lock()
        self._pid = None

    def _begin(self) -> None:
        with self._lock:
            if self._pid == os.getpid():
                return
            self._pid, self.epoch = os.getpid(), None
        local.clear()
        threading.Thread(target=self._listen_forever, name="better-auth-revocations", daemon=True).start()

    def _listen_forever(self) -> None:
        failures = 0
        while True:
            redis = shared_sessions.client()
            if redis is None:  # switched off meanwhile, as tests do
                self._pid = None
                return
            try:
                self._listen(redis)
            except Exception as fault:  # the driver's own kinds of failure, and those of the network beneath
                failures = 0 if self.epoch is not None else failures + 1
                self.lose(fault)
            time.sleep(PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS) - 1)])

    def _listen(self, redis: Redis) -> None:
        """Until the connection is lost. The driver's own subscriptions come back by themselves, and keep
        silent about what they missed; so this is a plain connection, which no pool counts."""
        pool: Any = redis.connection_pool
        connection: Any = pool.connection_class(**pool.connection_kwargs)
        try:
            connection.connect()
            connection.send_command("SUBSCRIBE", shared_sessions.channel(redis))
            connection.read_response(push_request=True)
            self._agree_on_epoch(redis)
            is_asked = False
            while not self._missed:
                if connection.can_read(timeout=SILENCE_SECONDS):
                    is_asked = False
                    self._hear(connection.read_response(push_request=True))
                elif is_asked:
                    raise TimeoutError("no answer to a ping")
                else:
                    connection.send_command("PING", check_health=False)
                    is_asked = True
            raise ConnectionError("somebody else could not reach it")
        finally:
            connection.disconnect()

    def _agree_on_epoch(self, redis: Redis) -> None:
        run = shared_sessions.run_of(redis)
        epoch = shared_sessions.current_epoch(redis)
        with self._lock:
            missed, self._missed = self._missed, False
        try:
            if missed or epoch is None or not epoch.startswith(f"{run}."):
                epoch = shared_sessions.begin_epoch(redis, run)
        except Exception:  # whatever it was, a message may have been missed
            self._missed = True
            raise
        local.clear()
        with self._lock:
            self.epoch = None if self._missed else epoch
            was_told, self._is_told = self._is_told, False
        if was_told:
            logger.warning("Redis is back")

    def _hear(self, response: Any) -> None:
        if not isinstance(response, list) or response[0] != b"message":
            return  # an answer to a ping
        told = orjson.loads(response[2])
        if "epoch" in told:
            with self._lock:
                self.epoch = None if self._missed else told["epoch"]
            local.clear()
        elif told.get("by") != shared_sessions.own_name():
            local.forget(token_hashes=told["sessions"], user_keys=told["users"])
            local.tell([*told["sessions"], *map(name_of_user, told["users"])])


subscription = Subscription()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=subscription.abandon)
