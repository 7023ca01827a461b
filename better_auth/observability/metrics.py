"""Metrics for Prometheus, counted from events and observations. Labels are of bounded number.

With several processes set ``PROMETHEUS_MULTIPROC_DIR`` (docs/runbook.md); the counts are then joined.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from better_auth import clock
from better_auth.events import Event, Observation, SignedIn, SignInFailed, committed, observers
from better_auth.models import Session

attempts = Counter("better_auth_attempts", "Tries to sign in.", ["method"])
successes = Counter("better_auth_success", "Sign-ins.", ["method"])
failures = Counter("better_auth_failures", "Failed sign-ins, by reason.", ["method", "reason"])
events = Counter("better_auth_events", "Everything that the audit log knows, by type.", ["type", "success"])
validations = Counter("better_auth_token_validations", "Credentials checked.", ["scheme", "result"])
legacy_tokens = Counter(
    "better_auth_legacy_tokens", "Credentials of the former system that were shown.", ["scheme", "result"]
)
introspections = Counter("better_auth_introspections", "Tokens that services asked about.", ["result"])
cache_hits = Counter("better_auth_token_cache_hits", "Sessions found in a cache.")
cache_misses = Counter("better_auth_token_cache_misses", "Sessions that no cache had.")
migrated_users = Counter("better_auth_migrated_users", "Users brought over.", ["source"])
legacy_calls = Counter("better_auth_legacy_calls", "Questions to the legacy system, by outcome.", ["result"])
legacy_duration = Histogram("better_auth_legacy_duration_seconds", "Time that it took to answer them.")
shadow_comparisons = Counter(
    "better_auth_shadow_comparisons", "Our check beside the legacy system's.", ["scheme", "result"]
)
trust_verdicts = Counter("better_auth_trust_verdicts", "Zero trust's verdicts.", ["decision", "reason"])
dual_comparisons = Counter(
    "better_auth_dual_comparisons", "Requests that were shown to the former system and to ours.", ["result"]
)
duration = Histogram("better_auth_duration_seconds", "Time to answer, by operation.", ["operation"])

COUNT_SECONDS = 15
UNKNOWN = "none"


class ActiveSessions(Collector):
    """``better_auth_active_sessions``, asked of the database at most once in ``COUNT_SECONDS``."""

    def __init__(self) -> None:
        self._counted_at = float("-inf")
        self._count = 0

    def describe(self) -> Iterator[Metric]:
        """Named without asking the database, which at start may not be there yet."""
        yield GaugeMetricFamily("better_auth_active_sessions", "Sessions that have not expired.")

    def collect(self) -> Iterator[Metric]:
        now = time.monotonic()
        if now - self._counted_at > COUNT_SECONDS:
            self._count = Session.objects.filter(expires_at__gt=clock.now()).count()
            self._counted_at = now
        gauge = GaugeMetricFamily("better_auth_active_sessions", "Sessions that have not expired.")
        gauge.add_metric([], self._count)
        yield gauge


active_sessions = ActiveSessions()


def render() -> bytes:
    """Everything, in Prometheus' text format; of all processes where they share a directory."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return generate_latest(REGISTRY)
    _forget_the_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
    joined = CollectorRegistry()
    multiprocess.MultiProcessCollector(joined)  # type: ignore[no-untyped-call]
    joined.register(active_sessions)
    return generate_latest(joined)


def _forget_the_dead(folder: Path) -> None:
    """What a process that was killed had at that time (``gauge_livesum_<pid>.db``) is there no more."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            multiprocess.mark_process_dead(int(pid))  # type: ignore[no-untyped-call]


def count_event(*, event: Event, **kwargs: Any) -> None:
    method = event.method or UNKNOWN
    events.labels(event.type, str(event.success).lower()).inc()
    if isinstance(event, SignedIn):
        attempts.labels(method).inc()
        successes.labels(method).inc()
    elif isinstance(event, SignInFailed):
        attempts.labels(method).inc()
        failures.labels(method, event.details.get("reason", UNKNOWN)).inc()


OBSERVED: dict[str, Counter | Histogram] = {
    "duration": duration,
    "token_validation": validations,
    "introspection": introspections,
    "legacy_token": legacy_tokens,
    "token_cache_hit": cache_hits,
    "token_cache_miss": cache_misses,
    "migrated_users": migrated_users,
    "legacy_call": legacy_calls,
    "legacy_duration": legacy_duration,
    "shadow_comparison": shadow_comparisons,
    "trust_verdict": trust_verdicts,
    "dual_comparison": dual_comparisons,
}


def count_observation(observation: Observation) -> None:
    count = _counting(observation.name, observation.labels)
    if count:
        count(observation.value)


@lru_cache(maxsize=1024)
def _counting(name: str, labels: tuple[str, ...]) -> Callable[[float], None] | None:
    """Finding the counter of some labels costs more than counting."""
    metric = OBSERVED.get(name)
    if metric is None:
        return None
    child: Any = metric.labels(*labels) if labels else metric
    count: Callable[[float], None] = child.observe if isinstance(metric, Histogram) else child.inc
    return count


def connect() -> None:
    committed.connect(count_event, dispatch_uid="better_auth.metrics.events")
    if count_observation not in observers:
        observers.append(count_observation)
    if active_sessions not in REGISTRY._collector_to_names:
        REGISTRY.register(active_sessions)
