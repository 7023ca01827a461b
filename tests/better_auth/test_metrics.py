"""``/metrics``: what is counted, and who may see it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from better_auth.observability import metrics
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db(transaction=True)


def scrape(**extra: Any) -> dict[str, float]:
    """Samples by name and labels, as Prometheus reads them."""
    answer = Client(**extra).get("/metrics")
    assert answer.status_code == 200
    lines = [line for line in answer.content.decode().splitlines() if line.startswith("better_auth")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def grown(before: dict[str, float], name: str) -> float:
    return scrape().get(name, 0) - before.get(name, 0)


def test_sign_ins_are_counted_by_outcome(browser: ApiClient) -> None:
    before = scrape()
    browser.sign_up()
    browser.sign_in(password="wrong password")
    browser.sign_in("nobody@example.com")
    assert grown(before, 'better_auth_attempts_total{method="password"}') == 3
    assert grown(before, 'better_auth_success_total{method="password"}') == 1
    assert grown(before, 'better_auth_failures_total{method="password",reason="wrong_password"}') == 1
    assert grown(before, 'better_auth_failures_total{method="password",reason="unknown_user"}') == 1


def test_validations_are_counted_by_scheme(browser: ApiClient, new_browser: Callable[..., ApiClient]) -> None:
    browser.sign_up()
    before = scrape()
    browser.session()
    new_browser(headers={"authorization": "Bearer nonsense"}).session()
    name = "better_auth_token_validations_total"
    assert grown(before, f'{name}{{result="accepted",scheme="session_cookie"}}') == 1
    assert grown(before, f'{name}{{result="refused",scheme="bearer"}}') == 1


def test_answers_are_timed_by_operation(browser: ApiClient) -> None:
    before = scrape()
    browser.api("GET", "/ok")
    assert grown(before, 'better_auth_duration_seconds_count{operation="ok"}') == 1


def test_every_promised_metric_is_there(browser: ApiClient) -> None:
    text = Client().get("/metrics").content.decode()
    for name in (
        "better_auth_attempts_total",
        "better_auth_success_total",
        "better_auth_failures_total",
        "better_auth_token_validations_total",
        "better_auth_token_cache_hits_total",
        "better_auth_token_cache_misses_total",
        "better_auth_active_sessions",
        "better_auth_duration_seconds",
        "better_auth_migrated_users_total",
    ):
        assert f"# TYPE {name.removesuffix('_total')}" in text, name


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("203.0.113.7", {}, 403),
        ("203.0.113.7", {"authorization": "Bearer right-token"}, 200),
        ("203.0.113.7", {"authorization": "Bearer wrong-token"}, 403),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.7"}, 403),
        ("", {}, 403),
    ],
)
def test_only_allowed_callers_see_them(
    configure: Callable[..., None], address: str, headers: dict[str, str], status: int
) -> None:
    configure(METRICS={"TOKEN": "right-token"})
    assert Client(REMOTE_ADDR=address, headers=headers).get("/metrics").status_code == status


def test_what_a_killed_process_had_open_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gauges of living processes alone are joined."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    files = {pid: tmp_path / f"gauge_livesum_{pid}.db" for pid in (int(dead.stdout), os.getpid())}
    for file in files.values():
        file.touch()
    metrics._forget_the_dead(tmp_path)
    assert [file.exists() for file in files.values()] == [False, True]
