"""Metrics for Prometheus of a service that trusts an auth server elsewhere. Labels are of bounded number.

They are in ``prometheus_client``'s registry, which ``django_prometheus`` and others show.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from prometheus_client import Counter, Histogram

from better_auth.events import Observation, observers

tokens = Counter("better_auth_resource_tokens", "Tokens that callers have shown.", ["kind", "result"])
calls = Counter("better_auth_auth_server_calls", "Tries to ask the auth server.", ["operation", "result"])
seconds = Histogram("better_auth_auth_server_seconds", "Time until it answered or failed.", ["operation"])

OBSERVED: dict[str, Counter | Histogram] = {
    "resource_token": tokens,
    "auth_server_call": calls,
    "auth_server_duration": seconds,
}


def count(observation: Observation) -> None:
    counted = _counting(observation.name, observation.labels)
    if counted:
        counted(observation.value)


@lru_cache(maxsize=128)
def _counting(name: str, labels: tuple[str, ...]) -> Callable[[float], None] | None:
    """Finding the counter of some labels costs more than counting."""
    metric = OBSERVED.get(name)
    if metric is None:
        return None
    child = metric.labels(*labels)
    return child.observe if isinstance(child, Histogram) else child.inc


def connect() -> None:
    if count not in observers:
        observers.append(count)
