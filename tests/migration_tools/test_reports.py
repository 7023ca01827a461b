"""A report that can't be written is told of before anything is begun, and nothing that is read is lost."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from better_auth import users
from migration_tools.models import MigrationRun
from tests.migration_tools.conftest import Migrate, people, person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("mode", [[], ["--dry-run"], ["--verify"]])
@pytest.mark.parametrize(
    ("place", "said"),
    [("nowhere/report.json", "No such file"), ("", "Is a directory"), ("/", "Is a directory")],
)
def test_a_report_that_can_not_be_written_stops_nothing_half_way(
    place: str, said: str, mode: list[str], migrate: Migrate, jsonl: Callable[..., str], tmp_path: Path
) -> None:
    file = jsonl(*people(3))
    told = ["--source", "jsonl", "--input", file, "--report", str(tmp_path / place), *mode]
    result = migrate(*told, report=False)
    assert (result.code, said in result.output) == (1, True), result.output
    assert not MigrationRun.objects.exists()


@pytest.mark.parametrize("mode", [[], ["--dry-run"], ["--verify"]])
@pytest.mark.parametrize("option", ["--input", "--mapping", "--only-emails"])
def test_what_is_read_is_not_overwritten(
    option: str, mode: list[str], migrate: Migrate, jsonl: Callable[..., str], tmp_path: Path
) -> None:
    file = jsonl(*people(3))
    others = {"--mapping": tmp_path / "map.json", "--only-emails": tmp_path / "emails.txt"}
    others["--mapping"].write_text("{}")
    others["--only-emails"].write_text("person1@example.org\n")
    read = {"--input": Path(file), **others}
    before = read[option].read_bytes()
    told = [part for name, path in read.items() for part in (name, str(path))]
    result = migrate("--source", "jsonl", *told, "--report", str(read[option]), *mode, report=False)
    assert (result.code, "name another file" in result.output) == (1, True), result.output
    assert read[option].read_bytes() == before
    assert not MigrationRun.objects.exists()


def test_a_refused_run_leaves_the_report_of_the_one_before(
    migrate: Migrate, jsonl: Callable[..., str], tmp_path: Path
) -> None:
    told = ["--source", "jsonl", "--input", jsonl(*people(3), "{"), "--report", str(tmp_path / "a.json")]
    migrate(*told, report=False)
    before = (tmp_path / "a.not-migrated.csv").read_text()
    MigrationRun.objects.update(state="interrupted")
    assert migrate(*told, report=False).code == 1
    assert (tmp_path / "a.not-migrated.csv").read_text() == before


def test_whatever_an_id_holds_no_terminal_or_spreadsheet_obeys_it(
    migrate: Migrate, jsonl: Callable[..., str], tmp_path: Path
) -> None:
    evil, formula = "\x1b[2J\x1b]0;owned\x07", '=cmd("calc")'
    records = [person(1, external_id=evil), person(2, external_id=formula)]
    migrate("--source", "jsonl", "--input", jsonl(*records))
    for name in ("person1@example.org", "person2@example.org"):
        user = users.find_by_email(name)
        assert user is not None
        users.update(user, name="Changed here")
    told = ["--source", "jsonl", "--input", jsonl(*records), "--verify", "--report", str(tmp_path / "v")]
    assert "2  changed here" in migrate(*told, report=False).output
    cells = [row["id"] for row in csv.DictReader((tmp_path / "v.differences.csv").open(newline=""))]
    assert cells == ["?[2J?]0;owned?", f"'{formula}"]
    kept = migrate("--rollback")
    assert (kept.code, "\x1b" in kept.output, "?[2J?]0;owned?: name" in kept.output) == (5, False, True)
