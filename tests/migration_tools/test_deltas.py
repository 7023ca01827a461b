"""With a watermark, ``--resume`` reads what changed since the last run, and misses nobody."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from better_auth import passwords, users
from better_auth.models import Session
from migration_tools.models import MigrationRecord, MigrationRun
from migration_tools.sources import databases, watermarks
from tests.migration_tools.conftest import Migrate, Result, person
from tests.migration_tools.legacy_databases import KINDS, Legacy
from tests.migration_tools.test_better_auth_database import STORED, Original, original
from tests.migration_tools.test_databases import AUTH_USER, PBKDF2

__all__ = ["original"]
pytestmark = pytest.mark.django_db

MAPPING = """
    table = "people"
    key = "id"
    email = "mail"
    name = "full_name"
    watermark = "changed"
    zone = "UTC"
"""
COLUMNS = "(id INTEGER PRIMARY KEY, mail VARCHAR(200), full_name VARCHAR(200), changed {})"
LAST = datetime(2024, 3, 1, 12)


@pytest.fixture(params=sorted(KINDS))
def legacy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Legacy]:
    with KINDS[request.param](tmp_path) as found:
        found.run(f"CREATE TABLE people {COLUMNS.format('TIMESTAMP NULL')}")
        yield found


@pytest.fixture
def mapped(tmp_path: Path) -> list[str]:
    path = tmp_path / "mapping.toml"
    path.write_text(MAPPING)
    return ["--source", "sql", "--mapping", str(path), "--batch-size", "3"]


@pytest.fixture
def told(legacy: Legacy, mapped: list[str]) -> list[str]:
    return [*mapped, "--dsn", legacy.dsn]


def put(legacy: Legacy, number: int, changed: Any, name: str = "", mail: str | None = None) -> None:
    """A row that was changed then, whatever was there before."""
    legacy.run(f"DELETE FROM people WHERE id = {number}")  # noqa: S608
    mail = f"person{number}@example.org" if mail is None else mail
    legacy.fill("people", [(number, mail, name or f"Person {number}", changed)])


def at(distance: timedelta) -> str:
    """Before the last change that the first run has seen, or after it."""
    return (LAST + distance).isoformat(" ")


def fill(legacy: Legacy, count: int = 20) -> None:
    for number in range(count):
        put(legacy, number, at(-timedelta(days=count - 1 - number)))


def name_of(number: int) -> str | None:
    found = users.find_by_email(f"person{number}@example.org")
    return found.name if found else None


def read(result: Result) -> tuple[int, int]:
    """The exit code, and how many records were read."""
    assert result.report, result.output
    return result.code, result.report["read"]


def test_only_what_changed_is_read(
    legacy: Legacy, told: list[str], migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "PAGE", 4)
    fill(legacy)
    assert read(migrate(*told)) == (0, 20)
    put(legacy, 3, at(timedelta(days=1)), "Changed")
    put(legacy, 4, at(-timedelta(days=15)), "Changed behind its column's back")
    put(legacy, 40, at(timedelta(days=2)))
    put(legacy, 41, None)
    result = migrate(*told, "--resume", "--on-conflict", "update")
    # Those four but one, and the one that was the last to change.
    assert read(result) == (0, 4)
    assert "Only what changed since the last run is read (changed from 2024-03-01 11:50:00" in result.output
    assert (name_of(3), name_of(4), name_of(40)) == ("Changed", "Person 4", "Person 40")
    assert name_of(41) == "Person 41"
    outcomes = result.report["outcomes"]
    assert (outcomes["updated"], outcomes["created"], outcomes["unchanged"]) == (1, 2, 1)
    assert read(migrate(*told, "--resume")) == (0, 2)
    assert read(migrate(*told, "--on-conflict", "update")) == (0, 22)
    assert name_of(4) == "Changed behind its column's back"


def test_who_was_committed_late_is_within_the_overlap(
    legacy: Legacy, told: list[str], migrate: Migrate
) -> None:
    fill(legacy, 5)
    migrate(*told, "--overlap", "30")
    put(legacy, 10, at(-timedelta(minutes=29)))
    put(legacy, 11, at(-timedelta(minutes=31)))
    assert read(migrate(*told, "--resume")) == (0, 2)
    assert (name_of(10), name_of(11)) == ("Person 10", None)


def test_what_was_not_brought_is_tried_again_whenever_it_changed(
    legacy: Legacy, told: list[str], migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watermarks, "CHUNK", 2)
    fill(legacy, 12)
    early = at(-timedelta(days=300))
    for number in (20, 21, 22, 23, 24):
        put(legacy, number, early, mail="no address")
    put(legacy, 30, early, mail="twice@example.org")
    put(legacy, 31, early, mail="twice@example.org")
    assert read(migrate(*told)) == (2, 19)
    for number in (20, 22, 24):
        put(legacy, number, early)
    put(legacy, 30, at(timedelta(days=1)), "Alone in what changed", "twice@example.org")
    result = migrate(*told, "--resume")
    assert read(result) == (2, 8)
    assert sorted(result.reasons) == [
        ("people 21", "invalid-email"),
        ("people 23", "invalid-email"),
        ("people 30", "duplicate-email"),
        ("people 31", "duplicate-email"),
    ]
    assert [name_of(number) for number in (20, 21, 22)] == ["Person 20", None, "Person 22"]
    assert MigrationRecord.objects.exclude(state="migrated").count() == 4


def test_a_change_that_was_passed_over_is_not_forgotten(
    legacy: Legacy, told: list[str], migrate: Migrate
) -> None:
    fill(legacy)
    migrate(*told)
    put(legacy, 3, at(timedelta(days=1)), "Changed")
    put(legacy, 40, at(timedelta(days=9)))
    assert ("people 3", "changed-in-source") in migrate(*told, "--resume").reasons
    assert name_of(3) == "Person 3"
    assert read(migrate(*told, "--resume", "--on-conflict", "update")) == (0, 2)
    assert name_of(3) == "Changed"


def test_a_time_to_come_hides_nobody(legacy: Legacy, told: list[str], migrate: Migrate) -> None:
    fill(legacy, 5)
    put(legacy, 50, "2037-01-01 00:00:00")
    migrate(*told)
    put(legacy, 1, at(timedelta(days=1)), "Changed")
    assert read(migrate(*told, "--resume", "--on-conflict", "update")) == (0, 3)
    assert name_of(1) == "Changed"


def test_a_run_that_stops_goes_on_and_the_next_brings_what_changed_meanwhile(
    legacy: Legacy, told: list[str], migrate: Migrate
) -> None:
    fill(legacy)
    migrate(*told)
    for number in (1, 5, 9, 13):
        put(legacy, number, at(timedelta(days=number)), "Changed")
    put(legacy, 7, at(timedelta(days=7)), mail="no address")
    more = ["--resume", "--on-conflict", "update"]
    assert migrate(*told, *more, "--strict", "--batch-size", "1").code == 3
    assert (name_of(5), name_of(9)) == ("Changed", "Person 9")
    put(legacy, 1, at(timedelta(days=14)), "Changed behind the run")
    assert migrate(*told, *more).code == 2
    assert [name_of(number) for number in (1, 9, 13)] == ["Changed", "Changed", "Changed"]
    assert migrate(*told, *more).code == 2
    assert name_of(1) == "Changed behind the run"


def test_a_run_goes_on_among_those_that_it_tries_again(
    legacy: Legacy, told: list[str], migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watermarks, "CHUNK", 2)
    fill(legacy, 3)
    early = at(-timedelta(days=300))
    for number in range(20, 27):
        put(legacy, number, early, mail="no address")
    migrate(*told)
    for number in (20, 21, 22, 24, 25, 26):
        put(legacy, number, early)
    assert migrate(*told, "--resume", "--strict", "--batch-size", "1").code == 3
    assert [name_of(number) for number in (22, 24)] == ["Person 22", None]
    assert read(migrate(*told, "--resume"))[0] == 2
    assert [name_of(number) for number in (24, 25, 26)] == ["Person 24", "Person 25", "Person 26"]


def test_a_run_that_is_undone_is_read_again(legacy: Legacy, told: list[str], migrate: Migrate) -> None:
    fill(legacy)
    migrate(*told)
    put(legacy, 3, at(timedelta(days=1)), "Changed")
    put(legacy, 40, at(timedelta(days=2)))
    put(legacy, 41, at(timedelta(days=3)), mail="no address")
    more = ["--resume", "--on-conflict", "update"]
    migrate(*told, *more)
    assert migrate("--rollback").code == 0
    assert (name_of(3), name_of(40)) == ("Person 3", None)
    put(legacy, 41, at(-timedelta(days=300)))
    assert read(migrate(*told, *more)) == (0, 4)
    assert (name_of(3), name_of(40), name_of(41)) == ("Changed", "Person 40", "Person 41")
    migrate("--rollback")
    migrate("--rollback")
    assert get_user_model().objects.count() == 0
    assert read(migrate(*told, *more)) == (0, 22)


@pytest.mark.parametrize("first", [["--dry-run"], ["--limit", "5"], ["--where", "id < 5"]])
def test_a_run_over_less_leaves_no_mark(
    first: list[str], legacy: Legacy, told: list[str], migrate: Migrate
) -> None:
    fill(legacy)
    migrate(*told, *first)
    result = migrate(*told, "--resume")
    assert read(result) == (0, 20)
    assert "All is read" in result.output
    assert get_user_model().objects.count() == 20


def test_another_mapping_wants_everything_read(
    legacy: Legacy, told: list[str], migrate: Migrate, tmp_path: Path
) -> None:
    fill(legacy)
    migrate(*told)
    (tmp_path / "mapping.toml").write_text(f"{MAPPING}\nmetadata = ['full_name']")
    more = ["--resume", "--on-conflict", "update"]
    assert read(migrate(*told, *more)) == (0, 20)
    assert read(migrate(*told, *more)) == (0, 1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--watermark", "chanegd"], "has none; did you mean changed"),
        (["--watermark", "full_name"], "no column of times"),
        (["--watermark", "id"], "no column of times"),
        (["--overlap", "0"], "at least 1"),
    ],
)
def test_what_is_no_watermark_is_told(
    more: list[str], said: str, legacy: Legacy, told: list[str], migrate: Migrate
) -> None:
    fill(legacy, 3)
    result = migrate(*told, *more)
    assert (result.code, said in result.output) == (1, True), result.output
    assert not MigrationRun.objects.exists()


def test_a_run_is_resumed_with_the_watermark_that_it_was_begun_with(
    legacy: Legacy, told: list[str], migrate: Migrate
) -> None:
    legacy.run("ALTER TABLE people ADD COLUMN made TIMESTAMP NULL")
    legacy.run("INSERT INTO people (id, mail) VALUES (1, 'a@example.org'), (2, 'none')")
    assert migrate(*told, "--strict", "--batch-size", "1").code == 3
    result = migrate(*told, "--resume", "--watermark", "made")
    assert (result.code, "begun with another --watermark" in result.output) == (1, True), result.output


def test_files_have_none(jsonl: Callable[..., str], migrate: Migrate, tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text("watermark = 'updated_at'")
    told = ["--source", "jsonl", "--input", jsonl(person(1))]
    for more in (["--watermark", "updated_at"], ["--mapping", str(path)]):
        result = migrate(*told, *more)
        assert (result.code, "for sources that are databases" in result.output) == (1, True), result.output
    result = migrate(*told, "--overlap", "5")
    assert (result.code, "--overlap goes with --watermark" in result.output) == (1, True), result.output


SHAPES = {
    "text with T and Z": ("TEXT", lambda moment: f"{moment.isoformat(timespec='milliseconds')}Z"),
    "text with an offset of nothing": ("TEXT", lambda moment: f"{moment.isoformat()}+00:00"),
    "text with a blank": ("TEXT", lambda moment: moment.isoformat(" ")),
    "days": ("TEXT", lambda moment: moment.date().isoformat()),
    "seconds": ("INTEGER", lambda moment: int(moment.replace(tzinfo=UTC).timestamp())),
    "milliseconds": ("INTEGER", lambda moment: int(moment.replace(tzinfo=UTC).timestamp() * 1000)),
    "fractions of seconds": ("REAL", lambda moment: moment.replace(tzinfo=UTC).timestamp() + 0.25),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_times_are_written_in_many_ways(
    shape: str, mapped: list[str], migrate: Migrate, tmp_path: Path
) -> None:
    kind, written = SHAPES[shape]
    path = tmp_path / "shapes.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        legacy = Legacy(f"sqlite:///{path}", connection)
        legacy.run(f"CREATE TABLE people {COLUMNS.format(kind)}")
        told = [*mapped, "--dsn", legacy.dsn, "--resume", "--on-conflict", "update"]
        for number in range(5):
            put(legacy, number, written(LAST - timedelta(days=4 - number)))
        put(legacy, 50, written(datetime(2050, 1, 1)))
        migrate(*told)
        put(legacy, 1, written(LAST - timedelta(minutes=5)), "Changed")
        result = migrate(*told)
    # The changed one, the last one and the one to come; of days the one before comes, too.
    assert read(result) == (0, 4 if shape == "days" else 3)
    assert name_of(1) == "Changed"


def test_texts_of_several_zones_are_in_no_order(mapped: list[str], migrate: Migrate, tmp_path: Path) -> None:
    path = tmp_path / "zones.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        legacy = Legacy(f"sqlite:///{path}", connection)
        legacy.run(f"CREATE TABLE people {COLUMNS.format('TEXT')}")
        put(legacy, 1, "2024-03-01T12:00:00+02:00")
        result = migrate(*mapped, "--dsn", legacy.dsn)
    assert (result.code, "texts in ISO 8601 in UTC" in result.output) == (1, True), result.output


def test_a_session_or_a_password_that_is_new_there_is_seen(original: Original, migrate: Migrate) -> None:
    original.run('ALTER TABLE account ADD COLUMN "updatedAt" TEXT')
    told = [*original.told, "--watermark", "updatedAt"]
    early = (datetime.now(UTC) - timedelta(days=20)).isoformat(timespec="milliseconds")
    original.run('UPDATE session SET "updatedAt" = ?, "createdAt" = ?', early, early)
    for name in ("cas", "dot", "eve"):
        row = (name, name.title(), f"{name}@example.org", 1, None, early, early)
        original.run('INSERT INTO "user" VALUES (?, ?, ?, ?, ?, ?, ?)', *row)
        account = (f"{name}-1", name, "credential", name, None, STORED, early, early)
        original.run("INSERT INTO account VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *account)
    original.run('UPDATE account SET "updatedAt" = "createdAt"')
    original.run('UPDATE "user" SET "updatedAt" = "createdAt"')
    original.run('UPDATE "user" SET "updatedAt" = ? WHERE id = \'eve\'', _now(-timedelta(days=2)))
    assert read(migrate(*told)) == (0, 5)
    original.sign_in("ann", "ann-late")
    original.run(
        'UPDATE account SET password = NULL, "updatedAt" = ? WHERE "userId" = \'cas\'', _now(timedelta(0))
    )
    # Ann, Cas and Eve, who was the last that the first run saw; nobody else.
    assert read(migrate(*told, "--resume", "--on-conflict", "update")) == (0, 3)
    assert Session.objects.filter(user__email="ann@example.org").count() == 2


def _now(distance: timedelta) -> str:
    return (datetime.now(UTC) + distance).isoformat(timespec="milliseconds")


def test_the_other_server_has_one_column_for_it(original: Original, migrate: Migrate) -> None:
    result = migrate(*original.told, "--watermark", "createdAt")
    assert (result.code, "knows updatedAt only" in result.output) == (1, True), result.output
    result = migrate(*original.told, "--watermark", "updatedAt")
    assert (result.code, "account has no column updatedAt" in result.output) == (1, True), result.output


def test_a_django_table_goes_by_the_column_that_is_named(legacy: Legacy, migrate: Migrate) -> None:
    legacy.run(AUTH_USER)
    row = (PBKDF2, "2024-01-01 00:00:00", False)
    since = "2019-01-01 00:00:00"
    rows = [(n, *row, f"p{n}", "", "", f"p{n}@example.org", False, True, since) for n in (1, 2, 3)]
    legacy.fill("auth_user", rows)
    told = ["--source", "django", "--dsn", legacy.dsn, "--watermark", "last_login"]
    assert read(migrate(*told)) == (0, 3)
    legacy.run("UPDATE auth_user SET last_login = '2024-02-01 00:00:00', first_name = 'Ida' WHERE id = 2")
    legacy.run("UPDATE auth_user SET last_login = '2023-02-01 00:00:00' WHERE id = 3")
    assert read(migrate(*told, "--resume", "--on-conflict", "update")) == (0, 2)
    found = users.find_by_email("p2@example.org")
    assert found is not None
    assert (found.name, passwords.has_password(found)) == ("Ida", True)
