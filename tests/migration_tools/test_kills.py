"""A run that is killed at any moment, and resumed, ends where an undisturbed one does."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.run_conformance import child
from tests.migration_tools.conftest import person
from tests.server import CHECKOUT, Site, new_site, pytest_runtest_makereport, wait_for

__all__ = ["pytest_runtest_makereport"]

KILLS = 10
COUNT = 4000
OF_THE_RUN = "SELECT state, done, total, counts, checkpoint FROM migration_runs"
TABLES = {
    "better_auth_users": ("id", "last_login"),
    "better_auth_accounts": ("id",),
    "better_auth_sessions": ("id",),
    # The number of a row and the moment of its run are no part of what was brought.
    "migration_records": ("source, position", "id", "created_at", "updated_at"),
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good records among all that could go wrong with one."""
    path = tmp_path_factory.mktemp("legacy") / "users.jsonl"
    with path.open("w") as lines:
        for number in range(COUNT):
            lines.write(_line(number) + "\n")
    return path


def _line(number: int) -> str:
    if number % 50 == 7:
        return '{"broken": '
    if number % 50 == 8:
        return json.dumps(person(number, email="twice@example.org"))
    if number % 50 == 9:
        return json.dumps(person(number, deleted_at="2024-01-01T00:00:00Z"))
    if number % 50 == 10:
        return json.dumps(person(1, email=f"other{number}@example.org"))
    accounts = [{"provider": "google", "subject": f"g{number}"}] if number % 3 == 0 else []
    return json.dumps(person(number, accounts=accounts))


@contextmanager
def empty_site() -> Iterator[Site]:
    with new_site(BETTER_AUTH_SECRET="0123456789abcdefghijklmnopqrstuvwxyzABCD") as site:
        done = site.manage("migrate", "--noinput")
        assert done.returncode == 0, done.stdout
        yield site


def everything(site: Site) -> dict[str, Any]:
    """Whole rows, and what the run says of itself."""
    found: dict[str, Any] = {"run": site.database.rows(OF_THE_RUN)}
    for table, (order, *left_out) in TABLES.items():
        columns = [name for name in _columns(site, table) if name not in left_out]
        statement = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}"  # noqa: S608
        found[table] = site.database.rows(statement)
    return found


def _columns(site: Site, table: str) -> list[str]:
    if site.database.is_sqlite:
        return [row[1] for row in site.database.rows(f"PRAGMA table_info({table})")]
    statement = "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY 1"
    return [name for (name,) in site.database.rows(statement, table)]


def arguments(file: Path, *more: str) -> list[str]:
    told = ["migrate_users", "--source", "jsonl", "--input", str(file), "--batch-size", "20", "--yes"]
    return [*told, *more]


@contextmanager
def running(site: Site, *told: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "manage.py", *told]
    with (
        site.log.open("a") as log,
        child(command, cwd=CHECKOUT, env=site.environment(), stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        yield process


def done_in(site: Site) -> int:
    rows = site.database.rows("SELECT done FROM migration_runs")
    return int(rows[0][0]) if rows else 0


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_any_number_of_kills_changes_nothing(
    jobs: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if jobs != "1" and not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        pytest.skip("SQLite has one writer at a time")
    seed = secrets.randbits(32)
    with capsys.disabled():
        print(f" (kills drawn with seed {seed})", end=" ")
    draw = random.Random(seed)
    with empty_site() as undisturbed:
        assert undisturbed.manage(*arguments(file)).returncode == 2
        wanted = everything(undisturbed)
    with empty_site() as site:
        for left in range(KILLS, 0, -1):
            # Small steps and small batches: on a slow machine the run must not be at its end too early.
            goal = done_in(site) + draw.randrange(0, (COUNT * 3 // 4 - done_in(site)) // left + 1)
            told = ["--resume", "--batch-size", "4", "--jobs", jobs]
            with running(site, *arguments(file, *told)) as process:
                wait_for(lambda: done_in(site) >= goal, f"{goal} records")  # noqa: B023
                time.sleep(draw.uniform(0, 0.03))
                process.send_signal(signal.SIGKILL)
                process.wait()
            assert done_in(site) < COUNT, f"seed {seed}: too late to kill"
        last = site.manage(*arguments(file, "--resume"))
        assert last.returncode == 2, last.stdout
        assert everything(site) == wanted, f"seed {seed}"


def test_a_rollback_that_is_killed_goes_on(file: Path) -> None:
    with empty_site() as site:
        assert site.manage(*arguments(file)).returncode == 2
        before = site.database.value("SELECT count(*) FROM better_auth_users")
        with running(site, "migrate_users", "--rollback", "--yes") as process:
            count = "SELECT count(*) FROM better_auth_users"
            wait_for(lambda: site.database.value(count) < before, "the first batch")
            process.send_signal(signal.SIGKILL)
            process.wait()
        refused = site.manage(*arguments(file, "--resume"))
        if site.database.value(count):
            assert refused.returncode == 1
            assert "the rollback of run" in refused.stdout
            done = site.manage("migrate_users", "--rollback", "--yes")
            assert done.returncode == 0, done.stdout
        for table in ("better_auth_users", "better_auth_accounts"):
            assert site.database.value(f"SELECT count(*) FROM {table}") == 0  # noqa: S608


def test_two_at_once_on_one_source_are_one_too_many(tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    file.write_text("".join(json.dumps(person(number)) + "\n" for number in range(30_000)))
    with empty_site() as site, running(site, *arguments(file, "--batch-size", "1")) as first:
        wait_for(lambda: done_in(site) > 0, "the first batch")
        for more in ([], ["--resume"]):
            second = site.manage(*arguments(file, *more))
            assert second.returncode == 1, second.stdout
            assert "is at work" in second.stdout
        other = site.manage(*arguments(file, "--name", "another", "--limit", "3"))
        assert other.returncode == 0, other.stdout
        first.send_signal(signal.SIGTERM)
        assert first.wait() == 3, "it was at its end too early"


def test_a_polite_end_can_be_resumed_at_once(file: Path) -> None:
    with empty_site() as site:
        with running(site, *arguments(file)) as process:
            wait_for(lambda: done_in(site) > 0, "the first batch")
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 3
        assert site.database.value("SELECT state FROM migration_runs") == "interrupted"
        assert site.manage(*arguments(file, "--resume")).returncode == 2
        assert site.database.value("SELECT state FROM migration_runs") == "finished"
