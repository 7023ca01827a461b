"""Counters for limits, atomic across processes: the `limits` library on Redis, or in the process.

Where Redis is lost, each process counts for itself until it is back: less exact, never unlimited.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from django.conf import settings
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter

from better_auth.conf import auth_settings

logger = logging.getLogger("better_auth.rate_limits")

KEY_PREFIX = "better-auth-limit"
# After a failure Redis is left alone for so long, or every request would wait for its time-out.
PAUSE_SECONDS = 5
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Rule:
    """At most ``limit`` in ``window`` seconds; ``sliding``: in any such span, not from the first hit on."""

    limit: int
    window: int
    sliding: bool = False

    @property
    def item(self) -> RateLimitItem:
        return RateLimitItemPerSecond(self.limit, self.window, namespace=KEY_PREFIX)


def hit(rule: Rule, *subject: str) -> int:
    """Count one. 0 where it is allowed, else the seconds after which to try again, at least 1."""

    def count(limiter: RateLimiter) -> int:
        if limiter.hit(rule.item, *subject):
            return 0
        reset_at, _ = limiter.get_window_stats(rule.item, *subject)
        return min(max(1, math.ceil(reset_at - time.time())), rule.window)

    return _with_fallback(rule, count)


def forget(rule: Rule, *subject: str) -> None:
    """Take back everything that was counted for this subject."""
    _with_fallback(rule, lambda limiter: limiter.clear(rule.item, *subject))


def may_block() -> bool:
    """Whether counting asks Redis."""
    return _redis_url() is not None


def reset() -> None:
    """Forget every count, of this process and in Redis."""
    with _memory_lock:
        _memory().reset()
    url = _redis_url()
    if url:
        _redis(url).reset()


class _Pause:
    """How long Redis is left alone after it failed."""

    def __init__(self) -> None:
        self._until = 0.0
        self._lock = threading.Lock()

    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def begin(self, fault: Exception) -> None:
        with self._lock:
            if self.is_over():
                logger.error("Redis does not count (%s): each process limits by itself", type(fault).__name__)
            self._until = time.monotonic() + PAUSE_SECONDS


_pause = _Pause()
# The library's own locks have gaps: of a burst with which a window begins, it forgets some.
_memory_lock = threading.Lock()


def _with_fallback(rule: Rule, act: Callable[[RateLimiter], Result]) -> Result:
    url = _redis_url()
    if url and _pause.is_over():
        try:
            return act(_limiter(_redis(url), sliding=rule.sliding))
        except Exception as fault:  # the driver's own kinds of failure, and those of the network beneath
            _pause.begin(fault)
    with _memory_lock:
        return act(_limiter(_memory(), sliding=rule.sliding))


def _redis_url() -> str | None:
    """``RATE_LIMIT.REDIS_URL``, else where Django's default cache is, if that is Redis."""
    configured = auth_settings.rate_limit.redis_url
    if configured:
        return configured
    cache = settings.CACHES["default"]
    location = cache.get("LOCATION", "")
    location = location[0] if isinstance(location, list | tuple) else location
    is_redis = "redis" in cache["BACKEND"].lower() and str(location).startswith(("redis://", "rediss://"))
    return str(location) if is_redis else None


@lru_cache(maxsize=4)
def _redis(url: str) -> Storage:
    prefix = settings.CACHES["default"].get("KEY_PREFIX", "") or "better-auth"
    storage = storage_from_string(
        url, key_prefix=f"{prefix}:limits", socket_timeout=1, socket_connect_timeout=1
    )
    assert isinstance(storage, Storage)  # noqa: S101, the library's other kind is for asyncio
    return storage


@lru_cache(maxsize=1)
def _memory() -> Storage:
    logger.info(
        "limits are counted in this process alone; several processes need REDIS_URL to count together"
    )
    return MemoryStorage()


@lru_cache(maxsize=16)
def _limiter(storage: Storage, *, sliding: bool) -> RateLimiter:
    return MovingWindowRateLimiter(storage) if sliding else FixedWindowRateLimiter(storage)
