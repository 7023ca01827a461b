"""A migration on a server that works: nobody waits for it, and whoever is quicker wins."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from migration_tools.records import LegacyUser, Read
from migration_tools.sources import Source
from migration_tools.sources.source import Share
from tests.migration_tools.conftest import LEGACY_PASSWORD, Migrate, person
from tests.server import Call, RunningServer, Site, new_site, pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]


@contextlib.contextmanager
def everything_locked(site: Site) -> Iterator[None]:
    """Nobody else can write a row of ours until the end."""
    if site.database.is_sqlite:
        path = site.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
        return
    with psycopg.connect(site.database.url) as connection:
        for table in site.database.tables():
            connection.execute(f'LOCK TABLE "{table}" IN EXCLUSIVE MODE'.encode())
        yield
        connection.rollback()


def test_a_dry_run_waits_for_nobody_and_leaves_no_trace(tmp_path: Path) -> None:
    file = tmp_path / "users.jsonl"
    file.write_text("".join(json.dumps(person(number)) + "\n" for number in range(700)))
    with new_site() as site:
        assert site.manage("migrate", "--noinput").returncode == 0
        before = site.database.dump()
        with everything_locked(site):
            done = site.manage("migrate_users", "--source", "jsonl", "--input", str(file), "--dry-run")
        assert done.returncode == 0, done.stdout
        assert "700  created" in done.stdout
        assert site.database.dump() == before


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_who_signs_up_meanwhile_is_quicker_or_there_already(jobs: str, tmp_path: Path) -> None:
    count, wanted = 1200, range(5, 1200, 24)
    file = tmp_path / "users.jsonl"
    file.write_text("".join(json.dumps(person(number)) + "\n" for number in range(count)))
    told = ["migrate_users", "--source", "jsonl", "--input", str(file), "--batch-size", "20", "--yes"]
    with RunningServer(processes=2) as server, ThreadPoolExecutor(1) as beside:
        run = beside.submit(server.site.manage, *told, "--jobs", jobs)
        calls = [
            Call(
                "POST",
                "/sign-up/email",
                {"name": "N", "email": f"person{n}@example.org", "password": "x" * 12},
            )
            for n in wanted
        ]
        statuses = [answer.status for answer in server.at_once(calls)]
        done = run.result()
        assert done.returncode == 0, done.stdout
        assert set(statuses) <= {200, 422}, statuses
        emails = "SELECT count(*), count(DISTINCT email) FROM better_auth_users WHERE email LIKE %s"
        assert server.database.rows(emails, "person%") == [(count, count)]
        outcomes = dict(
            server.database.rows("SELECT outcome, count(*) FROM migration_records GROUP BY outcome")
        )
        assert outcomes.get("created", 0) == count - statuses.count(200)
        assert outcomes.get("skipped", 0) == statuses.count(200)
        signed_in = server.call(
            "POST", "/sign-in/email", {"email": "person0@example.org", "password": LEGACY_PASSWORD}
        )
        assert signed_in.status == 200


class Intranet(Source):
    """A third party's."""

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        for number in range(int(after or 0), 5):
            user = LegacyUser(f"i-{number}", email=f"clerk{number}@example.org", name="Clerk")
            yield Read(f"desk {number}", str(number + 1), user=user)


@pytest.mark.django_db
def test_anybody_may_bring_a_source(migrate: Migrate) -> None:
    result = migrate("--source", f"{__name__}.Intranet", "--limit", "4")
    assert (result.code, result.report["source"]) == (0, "Intranet")
    assert result.report["outcomes"]["created"] == 4


@pytest.mark.django_db
def test_a_package_may_name_its_source(
    migrate: Migrate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "intranet_users-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: intranet-users\nVersion: 1.0\n")
    told = f"[django_better_auth.sources]\nintranet = {__name__}:Intranet\n"
    (installed / "entry_points.txt").write_text(told)
    monkeypatch.syspath_prepend(tmp_path)
    result = migrate("--source", "intranet")
    assert (result.code, result.report["source"]) == (0, "intranet")
    assert result.report["outcomes"]["created"] == 5
    refused = migrate("--source", "intranett")
    assert (refused.code, "did you mean intranet" in refused.output) == (1, True), refused.output


class Numbered(Source):
    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        yield Read("row 0", "1", user=LegacyUser(0, email="a@example.org"))  # type: ignore[arg-type]


@pytest.mark.django_db
def test_an_id_that_is_no_text_is_told_to_whoever_wrote_the_source(migrate: Migrate) -> None:
    with pytest.raises(TypeError, match="external_id as text"):
        migrate("--source", f"{__name__}.Numbered")


@pytest.mark.django_db
def test_those_who_came_are_counted(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    from better_auth.observability.metrics import migrated_users

    counter = migrated_users.labels("counted")
    before = counter._value.get()
    migrate("--source", "jsonl", "--name", "counted", "--input", jsonl(*(person(n) for n in range(7)), "{"))
    assert counter._value.get() - before == 7
