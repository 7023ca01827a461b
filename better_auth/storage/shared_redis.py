"""The Redis of Django's default cache, where it is one: what processes tell each other goes through it.

It needs no model: services that trust a server elsewhere may share its Redis.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.cache import caches
from redis import Redis


@lru_cache(maxsize=1)
def client() -> Redis | None:
    """The default cache's Redis, if it is one."""
    backend = settings.CACHES["default"]["BACKEND"]
    if backend.startswith("django_redis."):
        from django_redis import get_redis_connection

        connection: Redis = get_redis_connection("default")
        return connection
    if backend == "django.core.cache.backends.redis.RedisCache":
        cache: Any = caches["default"]
        shared: Redis = cache._cache.get_client(write=True)  # of several servers the one that all share
        return shared
    return None


def prefix() -> str:
    return (settings.CACHES["default"].get("KEY_PREFIX") or "better-auth") + ":verified"


def channel(redis: Redis) -> str:
    """Channels are of the whole server, keys of one of its databases."""
    return f"{prefix()}:{redis.connection_pool.connection_kwargs.get('db') or 0}:revocations"
