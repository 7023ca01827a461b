"""A rehearsal tells what would come of a migration, and leaves nothing behind, cut short or not."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.migration_tools.conftest import people, person
from tests.migration_tools.sites import empty_site, running
from tests.server import Database, Site, pytest_runtest_makereport, wait_for

__all__ = ["pytest_runtest_makereport"]

STOCK = {"DJANGO_SETTINGS_MODULE": "tests.settings.stock_user"}
IS_POSTGRESQL = os.environ.get("DATABASE_URL", "").startswith("postgres")
on_postgresql = pytest.mark.skipif(not IS_POSTGRESQL, reason="wants a server of databases")
# A rehearsal starts some ten processes one after another.
PATIENCE = 600


@dataclass(frozen=True)
class Told:
    code: int
    page: str
    report: dict[str, Any]

    @property
    def obstacles(self) -> dict[str, str]:
        return {one["code"]: one["text"] for one in self.report["obstacles"]}


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands of these tests put their temporary files."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def site(temporary: Path) -> Iterator[Site]:
    """Somebody is here already. Rehearsals change nothing, so one does for all tests."""
    with empty_site(TMPDIR=str(temporary)) as site:
        brought = site.workspace / "before.jsonl"
        brought.write_text("".join(json.dumps(one) + "\n" for one in people(3)))
        told = ("migrate_users", "--source", "jsonl", "--input", str(brought), "--name", "before", "--yes")
        done = site.manage(*told)
        assert done.returncode == 0, done.stdout
        yield site


@pytest.fixture
def rehearse(site: Site, temporary: Path, tmp_path: Path) -> Iterator[Callable[..., Told]]:
    """``rehearse("--source", …)``: and whatever it says, nothing of it is left, and nothing is changed."""
    before, pages = site.database.dump(), []

    def run(*arguments: str, kills: int = 0) -> Told:
        path = tmp_path / "rehearsal.json"
        path.unlink(missing_ok=True)
        told = ("--kills", str(kills), "--report", str(path), "--seed", "7")
        done = site.manage("rehearse_migration", *arguments, *told, seconds=PATIENCE)
        pages.append(done.stdout)
        report = json.loads(path.read_text()) if path.exists() else {}
        return Told(done.returncode, done.stdout, report)

    yield run
    assert site.database.dump() == before
    assert left(site, "".join(pages)) == set()
    assert list(temporary.iterdir()) == []


def left(site: Site, page: str) -> set[str]:
    """The databases that were made, as the page tells, and are still there."""
    made = set(re.findall(r"scratch database (rehearsal_\w+)", page))
    if site.database.is_sqlite:
        assert not made
        return set()
    return made & {name for (name,) in site.database.rows("SELECT datname FROM pg_database")}


def with_neutral_file(tmp_path: Path, *records: Any) -> list[str]:
    path = tmp_path / "users.jsonl"
    lines = (one if isinstance(one, str) else json.dumps(one) for one in records)
    path.write_text("".join(f"{line}\n" for line in lines))
    return ["--source", "jsonl", "--input", str(path)]


def test_a_clean_source_may_go(rehearse: Callable[..., Told], tmp_path: Path) -> None:
    source = with_neutral_file(tmp_path, *(person(number, accounts=[]) for number in range(100, 400)))
    told = rehearse(*source, "--copy-users", kills=2)
    assert told.code == 0, told.page
    assert "\nGO\n" in told.page
    assert "seed 7" in told.page
    report = told.report
    assert (report["verdict"], report["obstacles"]) == ("go", [])
    assert report["outcomes"]["created"] == 300
    assert 0 < len(report["kills"]["reached"]) <= 2
    assert report["kills"]["differences"] == []
    assert report["verification"] == {"equal": 300}
    assert [one["differences"] for one in report["rollbacks"]] == [[], []]
    assert report["pace"]["records"] == report["pace"]["whole"] == 300
    assert f"{report['pace']['rate']:,.0f} a second" in told.page


def test_a_hostile_file_must_wait(rehearse: Callable[..., Told], tmp_path: Path) -> None:
    source = with_neutral_file(
        tmp_path,
        person(10),
        '{"broken": ',
        person(11, email="Twice@example.org"),
        person(12, email="twice@example.org"),
        person(13, password={"scheme": "bcrypt", "hash": "$2b$10$short"}),
        person(14, password={"scheme": "sorcery", "hash": "abracadabra"}),
        person(15, password={"scheme": "pbkdf2", "hash": "aaaa", "iterations": 2**31, "salt": "s"}),
        person(16, email="no address"),
        "[" * 10_000,
        person(1, email_verified=True),
        person(17, name="=cmd()", email="person17@example.org"),
    )
    told = rehearse(*source, "--copy-users", "--on-conflict", "link")
    assert told.code == 2, told.page
    assert "\nNOT YET\n" in told.page
    assert told.report["verdict"] == "not-yet"
    assert told.obstacles.keys() == {
        *("invalid-json", "email-case", "malformed-hash", "unknown-hash", "invalid-email", "email-unverified")
    }
    assert told.report["places"]["email-case"] == ["line 3", "line 4"]
    assert told.report["places"]["unknown-hash"] == ["line 6"]
    assert "email-case: line 3, line 4\n" in told.page
    assert "--accept email-case=2" in told.page
    assert told.report["verification"]["equal"] == 3
    assert "abracadabra" not in told.page + json.dumps(told.report)
    assert "twice@" not in (told.page + json.dumps(told.report)).lower()


def test_what_is_accepted_is_no_obstacle(rehearse: Callable[..., Told], tmp_path: Path) -> None:
    source = with_neutral_file(
        tmp_path, person(10), '{"broken": ', '{"too": ', person(11, password={"scheme": "odd", "hash": "x"})
    )
    told = rehearse(
        *source, "--accept", "invalid-json=2", "--accept", "unknown-hash", "--accept", "email-case"
    )
    assert told.code == 0, told.page
    assert "accepted: 2 with invalid-json" in told.page
    assert "accepted: 1 with unknown-hash" in told.page
    assert "accepted, and not met with: email-case" in told.page


def test_conflicts_with_those_who_are_here_want_their_rows(
    rehearse: Callable[..., Told], tmp_path: Path
) -> None:
    source = with_neutral_file(tmp_path, person("1b", email="person1@example.org"), person(50))
    told = rehearse(*source, "--on-conflict", "fail")
    assert told.code == 0, told.page
    assert "conflicts with the 3 users who are here were not looked for" in told.page
    told = rehearse(*source, "--on-conflict", "fail", "--copy-users")
    assert told.code == 2, told.page
    assert told.obstacles["stage-failed"] == "Dry run ended with exit code 3: line 1: email-taken"
    assert told.report["rows_copied"] == 10


def test_a_part_of_the_source_tells_how_long_the_whole_takes(
    rehearse: Callable[..., Told], tmp_path: Path
) -> None:
    told = rehearse(*with_neutral_file(tmp_path, *people(90)), "--limit", "30")
    assert told.code == 0, told.page
    assert (told.report["pace"]["records"], told.report["pace"]["whole"]) == (30, 90)
    assert "the whole source has 90: about " in told.page


def test_a_source_that_changes_while_it_is_read_is_found_out(
    rehearse: Callable[..., Told], tmp_path: Path
) -> None:
    readings = tmp_path / "readings"
    readings.write_text("")
    source = ["--source", "tests.migration_tools.restless.Restless", "--input", str(readings)]
    told = rehearse(*source, kills=1)
    assert told.code == 2, told.page
    assert {"dry-run-differs", "kills-differ", "drift"} <= told.obstacles.keys()


def test_a_source_may_be_a_table_of_the_very_database(
    rehearse: Callable[..., Told], site: Site, tmp_path: Path
) -> None:
    """``default`` is the scratch database for the users, and still the real one for the source."""
    mapping = tmp_path / "mapping.toml"
    mapping.write_text('table = "migration_runs"\nkey = "id"\nemail = { value = "one@example.org" }\n')
    told = rehearse("--source", "sql", "--dsn", "default", "--mapping", str(mapping), "--name", "runs")
    assert told.code == 0, told.page
    assert told.report["outcomes"]["created"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "jsonl", "--input", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--source", "jsnl"], "jsonl"),
        ([], "--source is wanted"),
        (
            ["--source", "jsonl", "--input", "README.md", "--scratch", "mysql://host/name"],
            "--scratch: the real",
        ),
    ],
)
def test_what_can_not_be_tried_is_refused(
    arguments: list[str], words: str, rehearse: Callable[..., Told]
) -> None:
    told = rehearse(*arguments)
    assert told.code == 1
    assert words in told.page
    assert told.report == {}


def test_an_open_run_is_to_be_ended_first(tmp_path: Path) -> None:
    source = with_neutral_file(tmp_path, *people(20), '{"broken": ')
    with empty_site() as site:
        stopped = site.manage("migrate_users", *source, "--strict", "--yes", "--batch-size", "5")
        assert stopped.returncode == 3, stopped.stdout
        refused = site.manage("rehearse_migration", *source, "--copy-users")
    assert refused.returncode == 1
    assert "was interrupted after" in refused.stdout


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_one_that_is_cut_short_leaves_nothing(
    sign: signal.Signals, site: Site, temporary: Path, tmp_path: Path
) -> None:
    before = site.database.dump()
    site.log.write_text("")
    source = with_neutral_file(tmp_path, *people(5_000))
    with running(site, "rehearse_migration", *source, "--copy-users", "--batch-size", "1") as process:
        wait_for(lambda: "\nMigration …" in site.log.read_text(), "the migration")
        assert list(temporary.iterdir()) != []
        process.send_signal(sign)
        assert process.wait(60) == 3
    assert "the scratch database is gone" in site.log.read_text()
    assert site.database.dump() == before
    assert left(site, site.log.read_text()) == set()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_one_left_is_removed_by_the_next(
    rehearse: Callable[..., Told], site: Site, temporary: Path, tmp_path: Path
) -> None:
    source = with_neutral_file(tmp_path, *people(5))
    site.log.write_text("")
    with running(site, "rehearse_migration", *source) as process:
        wait_for(lambda: "Dry run …" in site.log.read_text(), "the dry run")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert list(temporary.iterdir()) != []
    assert len(left(site, site.log.read_text())) == (0 if site.database.is_sqlite else 1)
    assert rehearse(*source).code == 0
    assert list(temporary.iterdir()) == []
    assert left(site, site.log.read_text()) == set()


def test_it_works_beside_a_user_model_of_the_hosts(tmp_path: Path) -> None:
    with empty_site(**STOCK) as site:
        source = with_neutral_file(tmp_path, *people(30))
        assert (
            site.manage("migrate_users", *source, "--name", "before", "--limit", "5", "--yes").returncode == 0
        )
        before = site.database.dump()
        done = site.manage("rehearse_migration", *source, "--copy-users", "--kills", "1", seconds=PATIENCE)
        assert done.returncode == 0, done.stdout
        assert "skipped: 5 with email-taken" in done.stdout
        assert site.database.dump() == before


def test_what_the_host_does_behind_our_back_stands_in_the_way_of_a_rollback(tmp_path: Path) -> None:
    with empty_site(DJANGO_SETTINGS_MODULE="tests.settings.voucher") as site:
        report = tmp_path / "rehearsal.json"
        told = [*with_neutral_file(tmp_path, *people(4)), "--kills", "0", "--report", str(report)]
        done = site.manage("rehearse_migration", *told, seconds=PATIENCE)
    assert done.returncode == 2, done.stdout
    (obstacle,) = json.loads(report.read_text())["obstacles"]
    assert obstacle["code"] == "rollback-differs"
    assert "4 users taken for changed" in obstacle["text"]
    assert "welcome_voucher: 0 rows before, 4 after" in obstacle["text"]
    assert "\nRollback: NOT equal to before" in done.stdout


@on_postgresql
class TestAScratchDatabaseOfOnesOwn:
    @pytest.fixture
    def given(self, site: Site) -> Iterator[Database]:
        name = f"given_{secrets.token_hex(4)}"
        with _autocommitted(site) as execute:
            execute(f"CREATE DATABASE {name}")
            try:
                yield Database(urlunsplit(urlsplit(site.database.url)._replace(path=f"/{name}")))
            finally:
                execute(f"DROP DATABASE {name} WITH (FORCE)")

    def test_it_is_used_and_left_empty(
        self, given: Database, rehearse: Callable[..., Told], tmp_path: Path
    ) -> None:
        told = rehearse(*with_neutral_file(tmp_path, *people(10)), "--scratch", given.url, "--copy-users")
        assert told.code == 0, told.page
        assert given.value("SELECT count(*) FROM pg_tables WHERE schemaname !~ '^(pg_|information_)'") == 0
        assert given.value("SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'rehearsal')") == 0

    def test_one_that_holds_something_is_refused(
        self, given: Database, rehearse: Callable[..., Told], site: Site, tmp_path: Path
    ) -> None:
        given.rows("CREATE TABLE precious (id integer)")
        for url in (given.url, site.database.url):
            told = rehearse(*with_neutral_file(tmp_path, *people(10)), "--scratch", url)
            assert told.code == 1
            assert "name a database that is empty" in told.page
        assert given.value("SELECT count(*) FROM precious") == 0

    def test_a_role_that_may_not_make_any_is_told_so(self, site: Site, tmp_path: Path) -> None:
        role = f"modest_{secrets.token_hex(4)}"
        with _autocommitted(site) as execute:
            execute(f"CREATE ROLE {role} LOGIN")
            try:
                execute(f"GRANT pg_read_all_data TO {role}")
                parts = urlsplit(site.database.url)
                url = urlunsplit(parts._replace(netloc=f"{role}@{parts.hostname}:{parts.port or 5432}"))
                source = with_neutral_file(tmp_path, *people(3))
                refused = site.manage("rehearse_migration", *source, DATABASE_URL=url)
                assert refused.returncode == 1, refused.stdout
                assert "CREATEDB" in refused.stdout
                assert "--scratch" in refused.stdout
            finally:
                execute(f"DROP OWNED BY {role}")
                execute(f"DROP ROLE {role}")


@contextlib.contextmanager
def _autocommitted(site: Site) -> Iterator[Callable[[str], Any]]:
    import psycopg

    with psycopg.connect(site.database.url, autocommit=True) as connection:
        yield connection.execute


@pytest.mark.skipif(IS_POSTGRESQL, reason="a file")
def test_a_file_that_is_there_is_no_scratch_database(rehearse: Callable[..., Told], tmp_path: Path) -> None:
    precious = tmp_path / "precious.sqlite3"
    precious.write_text("not to be lost")
    source = with_neutral_file(tmp_path, *people(3))
    told = rehearse(*source, "--scratch", f"sqlite:///{precious}")
    assert told.code == 1
    assert precious.read_text() == "not to be lost"
    told = rehearse(*source, "--scratch", f"sqlite:///{tmp_path / 'new.sqlite3'}")
    assert told.code == 0, told.page
    assert not (tmp_path / "new.sqlite3").exists()
