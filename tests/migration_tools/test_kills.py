"""A run that is killed at any moment, and resumed, ends where an undisturbed one does."""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from tests.migration_tools.conftest import person
from tests.migration_tools.sites import empty_site, running
from tests.server import Site, pytest_runtest_makereport, wait_for

__all__ = ["pytest_runtest_makereport"]

KILLS = 10
COUNT = 4000
OF_THE_RUN = "SELECT state, done, total, counts, checkpoint FROM migration_runs"
BREAK = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
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


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_connections_that_break_are_made_anew(jobs: str, file: Path) -> None:
    """As at a restart of the database, or at its failover."""
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        pytest.skip("SQLite has no connections to break")
    with empty_site() as undisturbed:
        assert undisturbed.manage(*arguments(file)).returncode == 2
        wanted = everything(undisturbed)
    with empty_site() as site:
        with running(site, *arguments(file, "--batch-size", "4", "--jobs", jobs)) as process:
            for goal in (40, COUNT // 3, COUNT // 2):
                wait_for(lambda: done_in(site) >= goal, f"{goal} records")  # noqa: B023
                site.database.rows(BREAK)
            assert process.wait() == 2
        assert everything(site) == wanted


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
        # Small batches: on a fast machine the run must not be at its end too early.
        with running(site, *arguments(file, "--batch-size", "1")) as process:
            wait_for(lambda: done_in(site) > 0, "the first batch")
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 3
        assert site.database.value("SELECT state FROM migration_runs") == "interrupted"
        assert site.manage(*arguments(file, "--resume")).returncode == 2
        assert site.database.value("SELECT state FROM migration_runs") == "finished"


def test_a_lane_that_is_killed_stops_the_run_half_way(file: Path) -> None:
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        pytest.skip("SQLite has one writer at a time")
    with empty_site() as site:
        with running(site, *arguments(file, "--jobs", "3", "--batch-size", "4")) as process:
            wait_for(lambda: done_in(site) > 0, "the first batch")
            lanes = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(lanes[-1]), signal.SIGKILL)
            assert process.wait() == 3
        assert "a process of the run has died" in site.log_tail()
        assert "Traceback" not in site.log_tail()
        assert site.manage(*arguments(file, "--resume")).returncode == 2
        assert site.database.value("SELECT state FROM migration_runs") == "finished"


def test_with_lanes_the_report_is_that_of_the_dry_run(tmp_path: Path) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_text('{"broken": \n' * 4000)
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        pytest.skip("SQLite has one writer at a time")
    with empty_site() as site:
        for name, more in (("dry", ["--dry-run"]), ("real", ["--jobs", "3", "--batch-size", "4"])):
            told = arguments(file, *more, "--report", str(tmp_path / f"{name}.json"))
            assert site.manage(*told).returncode == 2
    dry, real = (tmp_path / f"{name}.not-migrated.csv" for name in ("dry", "real"))
    assert real.read_text().splitlines() == dry.read_text().splitlines()


def test_kills_between_two_runs_of_what_changed_lose_nothing(tmp_path: Path) -> None:
    """The legacy system goes on working while its changes are brought."""
    path, mapping = tmp_path / "legacy.sqlite3", tmp_path / "mapping.toml"
    mapping.write_text('table = "people"\nkey = "id"\nemail = "mail"\nname = "name"\nwatermark = "changed"\n')
    told = ["migrate_users", "--source", "sql", "--dsn", f"sqlite:///{path}", "--mapping", str(mapping)]
    told += ["--yes", "--on-conflict", "update"]
    users = "SELECT count(*) FROM better_auth_users WHERE name = 'Changed'"
    with contextlib.closing(sqlite3.connect(path)) as legacy, empty_site() as site:

        def run(statement: str, *values: Any) -> None:
            with legacy:
                legacy.execute(statement, values)

        run("CREATE TABLE people (id INTEGER PRIMARY KEY, mail TEXT, name TEXT, changed TEXT)")
        early, later = "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"
        for number in range(900):
            address = "none" if number % 9 == 0 else f"person{number}@example.org"
            run("INSERT INTO people VALUES (?, ?, 'Person', ?)", number, address, early)
        assert site.manage(*told).returncode == 2
        run("UPDATE people SET name = 'Changed', changed = ? WHERE id % 9 <> 0 AND id < 600", later)
        run("UPDATE people SET name = 'Changed', mail = 'late' || id || '@example.org' WHERE id % 9 = 0")
        for goal in (100, 400, 560):
            with running(site, *told, "--resume", "--batch-size", "1") as process:
                wait_for(lambda: site.database.value(users) >= goal, f"{goal} changes")  # noqa: B023
                process.send_signal(signal.SIGKILL)
                process.wait()
            statement = "UPDATE people SET name = 'Changed', changed = ? WHERE id = ?"
            run(statement, "2024-03-01T00:00:00Z", 601 + goal // 2)
        assert site.manage(*told, "--resume").returncode == 0
        assert site.manage(*told, "--resume").returncode == 0
        changed = legacy.execute("SELECT count(*) FROM people WHERE name = 'Changed'").fetchone()[0]
        assert site.database.value(users) == changed
        assert site.manage(*told, "--verify").returncode == 0
