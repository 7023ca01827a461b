"""``/metrics`` of two worker processes, read as text and by a real Prometheus."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families

from tests.processes.prometheus import Prometheus, running_prometheus
from tests.server import CHECKOUT, PASSWORD, Answer, Call, RunningServer, new_email, wait_for

TOKEN = secrets.token_urlsafe(24)
Series = tuple[str, tuple[tuple[str, str], ...]]

ON_STOCK_USERS = "from config.settings import *\nAUTH_USER_MODEL = 'auth.User'\n"
HOST_USER = (
    "INSERT INTO auth_user (username, email, password, first_name, last_name, is_superuser, is_staff,"
    " is_active, date_joined) VALUES (%s, %s, '', '', '', FALSE, FALSE, TRUE, CURRENT_TIMESTAMP)"
)
HOST_USERS = 7

PROMISED = [
    "better_auth_attempts_total",
    "better_auth_success_total",
    "better_auth_failures_total",
    "better_auth_token_validations_total",
    "better_auth_token_cache_hits_total",
    "better_auth_token_cache_misses_total",
    "better_auth_active_sessions",
    "better_auth_duration_seconds_count",
    "better_auth_duration_seconds_bucket",
    "better_auth_migrated_users_total",
    "better_auth_events_total",
]


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the processes join their counts."""
    return tmp_path_factory.mktemp("counts")


@pytest.fixture(scope="module")
def server(counts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Two workers on Django's own users, so that there is somebody to bring over."""
    modules = tmp_path_factory.mktemp("modules")
    (modules / "on_stock_users.py").write_text(ON_STOCK_USERS)
    with RunningServer(
        interface="wsgi",
        workers=2,
        DJANGO_SETTINGS_MODULE="on_stock_users",
        PYTHONPATH=f"{modules}:{CHECKOUT}",
        PROMETHEUS_MULTIPROC_DIR=str(counts),
        BETTER_AUTH_METRICS_TOKEN=TOKEN,
        BETTER_AUTH_METRICS_ALLOWED_ADDRESSES="192.0.2.1",
        BETTER_AUTH_COOKIE_CACHE_ENABLED="true",
    ) as running:
        yield running


def scrape(server: RunningServer) -> dict[Series, float]:
    """Our samples by name and labels, of whichever worker answers."""
    answer = server.call("GET", "//metrics", authorization=f"Bearer {TOKEN}")
    assert answer.status == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
        if sample.name.startswith("better_auth_") and not sample.name.endswith("_created")
    }


def total(samples: dict[Series, float], name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(value for (one, given), value in samples.items() if one == name and wanted <= set(given))


def counted_by_each(counts: Path, name: str) -> dict[str, float]:
    """What each process has counted, by its id."""
    found = {}
    for file in counts.glob("counter_*.db"):
        metrics = MultiProcessCollector.merge([str(file)], accumulate=True)  # type: ignore[no-untyped-call]
        value = sum(sample.value for metric in metrics for sample in metric.samples if sample.name == name)
        found[file.stem.removeprefix("counter_")] = value
    return found


def sign_ins(emails: Sequence[str], password: str = PASSWORD) -> list[Call]:
    return [Call("POST", "/sign-in/email", {"email": one, "password": password}) for one in emails]


def in_turns(server: RunningServer, calls: Sequence[Call], size: int = 50) -> list[Answer]:
    return [
        answer
        for start in range(0, len(calls), size)
        for answer in server.at_once(calls[start : start + size])
    ]


def test_only_the_token_opens_it(server: RunningServer) -> None:
    assert server.call("GET", "//metrics").status == 403
    assert server.call("GET", "//metrics", authorization="Bearer wrong").status == 403
    assert server.call("GET", "//metrics", authorization=f"Bearer {TOKEN}").status == 200


def test_counts_are_right_however_many_workers_answered(server: RunningServer, counts: Path) -> None:
    email = new_email("counted")
    server.sign_up(email)
    before, by_each = scrape(server), counted_by_each(counts, "better_auth_attempts_total")
    right, wrong, unknown = 40, 25, 15
    calls = [
        *sign_ins([email] * right),
        *sign_ins([email] * wrong, "wrong password"),
        *sign_ins([new_email("nobody") for _ in range(unknown)]),
    ]
    answers = in_turns(server, calls, size=16)
    assert [one.status for one in answers] == [200] * right + [401] * (wrong + unknown)

    after = scrape(server)

    def grown(name: str, **labels: str) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    assert grown("better_auth_attempts_total", method="password") == right + wrong + unknown
    assert grown("better_auth_success_total", method="password") == right
    assert grown("better_auth_failures_total", reason="wrong_password") == wrong
    assert grown("better_auth_failures_total", reason="unknown_user") == unknown
    assert grown("better_auth_failures_total") == wrong + unknown
    assert grown("better_auth_events_total", type="sign_in", success="true") == right
    assert grown("better_auth_duration_seconds_count", operation="sign_in_email") == len(calls)

    own = counted_by_each(counts, "better_auth_attempts_total")
    both = {process: value - by_each.get(process, 0) for process, value in own.items()}
    assert sum(value > 0 for value in both.values()) == 2, both
    assert sum(both.values()) == len(calls)

    scrapes = [scrape(server) for _ in range(20)]
    for one in scrapes:
        one.pop(("better_auth_active_sessions", ()))  # each worker asks the database by itself
    assert all(one == scrapes[0] for one in scrapes)


def touch_everything(server: RunningServer, addressed: Sequence[str]) -> None:
    """One call of each kind, told apart by what a client can choose."""
    calls = []
    for text in addressed:
        calls += [
            Call("GET", f"//{text}"),
            Call("GET", f"/{text}"),
            Call("GET", f"/reset-password/{text}?callbackURL=/{text}"),
            Call("GET", "/get-session", headers={"Authorization": f"Bearer {text}", "User-Agent": text}),
            Call("GET", "/get-session", cookie=f"better-auth.session_token={text}.{text}"),
            *sign_ins([f"{text}@example.com"]),
            Call("POST", "/request-password-reset", {"email": f"{text}@example.com"}),
            Call(text.replace("-", "").upper(), "/get-session"),
        ]
    answers = in_turns(server, calls)
    assert {one.status for one in answers} <= {200, 302, 400, 401, 404}


def test_labels_are_bounded_whatever_clients_send(server: RunningServer) -> None:
    touch_everything(server, ["first"])
    before = scrape(server)
    touch_everything(server, [f"{number}-{secrets.token_hex(8)}" for number in range(500)])
    after = scrape(server)
    assert after.keys() == before.keys()
    sign_in = {"name": "better_auth_failures_total", "reason": "unknown_user"}
    assert total(after, **sign_in) - total(before, **sign_in) == 500


@pytest.fixture(scope="module")
def prometheus(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Scraping the server; something of everything has happened there."""
    if shutil.which("prometheus") is None:
        assert os.environ.get("CI", "").lower() != "true", "CI must have Prometheus: .ci/run installs it"
        pytest.skip("prometheus is not installed: apt-get install prometheus")
    email = new_email("scraped")
    signed_up = server.sign_up(email)
    cookie = "; ".join(f"{name}={value}" for name, value in signed_up.cookies.items())
    assert "session_data" in cookie
    server.call("GET", "/get-session", cookie=cookie)
    server.call("GET", "/get-session", cookie=signed_up.session_cookie)
    server.sign_in(email, "wrong password")
    for number in range(HOST_USERS):
        name = f"host{number}-{secrets.token_hex(4)}"
        server.database.rows(HOST_USER, name, f"{name}@example.com")
    adopted = server.site.manage("adopt_users")
    assert f"{HOST_USERS} profiles made" in adopted.stdout, adopted.stdout
    folder = tmp_path_factory.mktemp("prometheus")
    with running_prometheus(folder, scrapes=server.origin, token=TOKEN) as running:
        wait_for(lambda: running.value("up") == 1, "a scrape")
        yield running


@pytest.mark.parametrize("name", PROMISED)
def test_prometheus_has_every_promised_metric(name: str, prometheus: Prometheus) -> None:
    # A worker may have counted its sessions before there was one; it counts again after a while.
    wait_for(lambda: sum(value for _, value in prometheus.query(name)) > 0, name)


def test_prometheus_reads_what_the_workers_counted(server: RunningServer, prometheus: Prometheus) -> None:
    samples = scrape(server)
    for name in ("better_auth_attempts_total", "better_auth_success_total", "better_auth_failures_total"):
        expected = total(samples, name)
        wait_for(lambda: prometheus.value(f"sum({name})") == expected, f"{name} = {expected}")  # noqa: B023
    assert prometheus.value('better_auth_migrated_users_total{source="host"}') == HOST_USERS
    (target,) = prometheus.targets()
    assert (target["health"], target["lastError"]) == ("up", "")


def test_the_runbooks_alerts_can_be_asked(prometheus: Prometheus) -> None:
    reasons = prometheus.query("sum by (reason) (better_auth_failures_total)")
    assert {labels["reason"] for labels, _ in reasons} <= {"wrong_password", "unknown_user"}
    quantile = prometheus.value(
        'histogram_quantile(0.99, sum by (le) (better_auth_duration_seconds_bucket{operation="get_session"}))'
    )
    assert quantile is not None
    assert 0 < quantile < 10


def test_the_runbook_explains_every_metric(server: RunningServer) -> None:
    told = set(re.findall(r"`(better_auth_\w+)`", (CHECKOUT / "docs/runbook.md").read_text()))
    names = {re.sub(r"_(bucket|count|sum)$", "", name) for name, _ in scrape(server)}
    assert names - told <= {"better_auth_token_cache_misses_total"}  # written as `…_misses_total`
