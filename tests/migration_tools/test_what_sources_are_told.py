"""Parameters of the system behind a source, and further files of the same export."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from better_auth import users
from migration_tools.records import LegacyUser, PassedOver, Read
from migration_tools.sources.source import Share, Source
from tests.migration_tools.conftest import Migrate, person

pytestmark = pytest.mark.django_db
PATH = "tests.migration_tools.test_what_sources_are_told.Vendor"


class Vendor(Source):
    """Its users are the lines of a file beside the input, in the realm that the mapping names."""

    default_name = "vendor"
    files_beside = frozenset({"people"})
    parameters = frozenset({"realm", "rounds"})

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        lines = Path(self.told.also["people"]).read_text().split()
        for number, line in enumerate(lines[int(after or 0) :], start=int(after or 0) + 1):
            if line == "robot":
                yield Read(f"line {number}", str(number), refusal=PassedOver("service-account"))
                continue
            name = f"{self.parameter('realm')} {self.parameter('rounds')}"
            user = LegacyUser(line, email=f"{line}@example.org", name=name)
            yield Read(f"line {number}", str(number), user=user)


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[str]]:
    def write(told: str, people: str = "ann\nrobot\nbob\n") -> list[str]:
        mapping, beside = tmp_path / "mapping.toml", tmp_path / "people.txt"
        mapping.write_text(told)
        beside.write_text(people)
        return ["--source", PATH, "--mapping", str(mapping), "--also", f"people={beside}"]

    return write


def test_a_source_reads_what_it_is_told(files: Callable[..., list[str]], migrate: Migrate) -> None:
    told = files('[parameters]\nrealm = "acme"\nrounds = 8\n')
    for _ in range(2):
        result = migrate(*told)
        assert result.code == 0, result.output
        assert result.reasons[:1] == [("line 2", "service-account")]
    ann = users.find_by_email("ann@example.org")
    assert ann is not None
    assert ann.name == "acme 8"
    assert migrate(*told, "--verify").code == 0


@pytest.mark.parametrize(
    ("mapping", "more", "said"),
    [
        ('[parameters]\nrelm = "acme"', [], "'relm'; did you mean realm"),
        ("[parameters]\nrealm = [1]", [], "parameters: wants a table of texts"),
        ("parameters = 3", [], "parameters: wants a table"),
        ("", ["--also", "peple=x"], "'peple'; did you mean people"),
        ("", ["--also", "people"], "--also wants NAME=FILE"),
        ("", ["--also", "people=another"], "people is told twice"),
    ],
)
def test_what_it_does_not_know_is_refused_by_name(
    mapping: str, more: list[str], said: str, files: Callable[..., list[str]], migrate: Migrate
) -> None:
    result = migrate(*files(mapping), *more)
    assert result.code == 1
    assert said in result.output


def test_other_sources_take_neither(
    files: Callable[..., list[str]], migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    told = files("[parameters]\nrealm = 'acme'")
    result = migrate("--source", "jsonl", "--input", jsonl(person(1)), *told[2:4])
    assert (result.code, "it takes no parameters" in result.output) == (1, True)
    result = migrate("--source", "jsonl", "--input", jsonl(person(1)), *told[4:])
    assert (result.code, "it takes no further files" in result.output) == (1, True)


def test_a_run_is_resumed_with_the_same_files(
    files: Callable[..., list[str]], migrate: Migrate, tmp_path: Path
) -> None:
    told = files("", people="cat\nann\nann")
    assert migrate(*told, "--strict", "--batch-size", "1").code == 3
    other = tmp_path / "other.txt"
    other.write_text("cat")
    result = migrate(*told[:-1], f"people={other}", "--resume")
    assert (result.code, "begun with another --also" in result.output) == (1, True)


def test_a_report_does_not_overwrite_a_file_that_is_read(
    files: Callable[..., list[str]], migrate: Migrate
) -> None:
    told = files("")
    result = migrate(*told, "--report", told[-1].partition("=")[2], report=False)
    assert (result.code, "is what is to be read" in result.output) == (1, True)


@pytest.mark.parametrize(
    "start",
    [
        b"-----BEGIN PGP MESSAGE-----\n\n",
        b"\x85\x01\x0c\x03",
        b"\xc1\x0c\x03",
        b"\x8c\x0d\x04",
        b"\x84\x8c\x03",
    ],
)
@pytest.mark.parametrize("source", ["jsonl", "csv"])
def test_an_encrypted_file_is_told_from_a_broken_one(
    start: bytes, source: str, migrate: Migrate, tmp_path: Path
) -> None:
    path = tmp_path / "users.pgp"
    path.write_bytes(start + bytes(range(256)))
    result = migrate("--source", source, "--input", str(path))
    assert (result.code, "encrypted with PGP: decrypt it first" in result.output) == (1, True)
