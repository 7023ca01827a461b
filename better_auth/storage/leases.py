"""How many of something there are at once, in all processes: leases in Redis, or a count in the process.

A lease is renewed by the process that holds it, and runs out by itself where that process has crashed. Where
Redis is lost each process counts its own until it is back: less exact, never unlimited.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from redis import Redis

from better_auth.paced_log import PacedLog
from better_auth.storage import shared_redis

log = PacedLog(logging.getLogger("better_auth.websocket"))

# After a failure Redis is left alone for so long, or everybody would wait for its time-out.
PAUSE_SECONDS = 2.0
# Of all subjects or of none: KEYS are sorted sets of holders by the end of their lease; ARGV the holder, the
# seconds, and a limit for each key. 0, or the number of the first key that is full.
ACQUIRE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
for index, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if redis.call('ZCARD', key) >= tonumber(ARGV[index + 2]) and not redis.call('ZSCORE', key, ARGV[1]) then
    return index
  end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  redis.call('EXPIRE', key, ARGV[2] * 2)
end
return 0
"""
# KEYS as above; ARGV the seconds, and the holders of each key, joined by spaces.
RENEW = """
local time = redis.call('TIME')
local deadline = time[1] + time[2] / 1000000 + ARGV[1]
for index, key in ipairs(KEYS) do
  for holder in string.gmatch(ARGV[index + 1], '%S+') do
    redis.call('ZADD', key, deadline, holder)
  end
  redis.call('EXPIRE', key, ARGV[1] * 2)
end
return 0
"""
# A script should not keep Redis busy for long.
KEYS_AT_ONCE = 200


class Leases:
    """``purpose`` is a part of the names in Redis. A holder's name has no spaces."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._lock = threading.Lock()
        self._held: dict[str, set[str]] = {}
        self._away_until = 0.0

    def acquire(self, holder: str, limits: Mapping[str, int], *, seconds: int) -> str | None:
        """Take one of each subject, or none at all. The first subject that is full, else None."""
        subjects = list(limits)
        full = self._acquire_shared(holder, subjects, limits, seconds)
        with self._lock:
            if full is None:
                full = next((one for one in subjects if self._is_full(one, holder, limits[one])), None)
            elif not full:
                full = None
            if full is None:
                for one in subjects:
                    self._held.setdefault(one, set()).add(holder)
            return full or None

    def release(self, holder: str, subjects: Iterable[str]) -> None:
        given_back = list(subjects)
        with self._lock:
            for one in given_back:
                holders = self._held.get(one, set())
                holders.discard(holder)
                if not holders:
                    self._held.pop(one, None)
        redis = self._redis()
        if redis is None or not given_back:
            return
        try:
            with redis.pipeline(transaction=False) as pipeline:
                for one in given_back:
                    pipeline.zrem(self._key(one), holder)
                pipeline.execute()
        except Exception as fault:  # the driver's own kinds of failure, and those of the network beneath
            self._leave_alone(fault)

    def renew(self, *, seconds: int) -> None:
        """All that this process holds; what Redis has lost is there again afterwards."""
        redis = self._redis()
        if redis is None:
            return
        with self._lock:
            held = [(self._key(one), " ".join(holders)) for one, holders in self._held.items()]
        try:
            for start in range(0, len(held), KEYS_AT_ONCE):
                part = held[start : start + KEYS_AT_ONCE]
                keys, holders = [key for key, _ in part], [names for _, names in part]
                redis.eval(RENEW, len(keys), *keys, seconds, *holders)
        except Exception as fault:  # as above
            self._leave_alone(fault)

    def may_block(self) -> bool:
        return self._redis() is not None

    def count(self, subject: str) -> int:
        """Those of this process."""
        return len(self._held.get(subject, ()))

    def _acquire_shared(
        self, holder: str, subjects: Sequence[str], limits: Mapping[str, int], seconds: int
    ) -> str | None:
        """The full subject, "" where there is none, None where Redis can't be asked."""
        redis = self._redis()
        if redis is None:
            return None
        keys = [self._key(one) for one in subjects]
        try:
            index = redis.eval(
                ACQUIRE, len(keys), *keys, holder, seconds, *(str(limits[one]) for one in subjects)
            )
        except Exception as fault:  # as above
            self._leave_alone(fault)
            return None
        return subjects[int(str(index)) - 1] if index else ""

    def _is_full(self, subject: str, holder: str, limit: int) -> bool:
        holders = self._held.get(subject, set())
        return holder not in holders and len(holders) >= limit

    def _redis(self) -> Redis | None:
        return shared_redis.client() if time.monotonic() >= self._away_until else None

    def _leave_alone(self, fault: Exception) -> None:
        self._away_until = time.monotonic() + PAUSE_SECONDS
        log.say(logging.ERROR, "Redis does not count sockets (%s): each process does", type(fault).__name__)

    def _key(self, subject: str) -> str:
        return f"{shared_redis.prefix()}:{self._purpose}:{subject}"
