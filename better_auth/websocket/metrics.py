"""Metrics for Prometheus of sockets, wherever a door for them is made. Labels are of bounded number."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from better_auth.events import Observation, observers

sockets = Gauge("better_auth_sockets", "Open WebSockets.", multiprocess_mode="livesum")
handshakes = Counter(
    "better_auth_socket_handshakes", "WebSockets that were let in or refused.", ["method", "result"]
)
closes = Counter("better_auth_socket_closes", "WebSockets that ended, by code.", ["code"])
faults = Counter("better_auth_socket_faults", "What failed behind WebSockets, by kind.", ["kind"])
revocations = Histogram(
    "better_auth_socket_revocation_seconds",
    "From hearing of a revocation to closing a WebSocket.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
OBSERVED: dict[str, Counter | Gauge | Histogram] = {
    "sockets": sockets,
    "socket_handshake": handshakes,
    "socket_close": closes,
    "socket_fault": faults,
    "socket_revocation": revocations,
}


def count(observation: Observation) -> None:
    counted = _counting(observation.name, observation.labels)
    if counted:
        counted(observation.value)


@lru_cache(maxsize=256)
def _counting(name: str, labels: tuple[str, ...]) -> Callable[[float], None] | None:
    """Finding the counter of some labels costs more than counting."""
    metric: Any = OBSERVED.get(name)
    if metric is None:
        return None
    child = metric.labels(*labels) if labels else metric
    counted: Callable[[float], None] = child.observe if isinstance(metric, Histogram) else child.inc
    return counted


def connect() -> None:
    if count not in observers:
        observers.append(count)
