"""What tests of the migration share: the command as scripts see it, and files to feed it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from migration_tools.lazy import calls, lookups
from tests.migration_tools.legacy_databases import KINDS, Legacy
from tests.migration_tools.legacy_system import SECRET, LegacySystem
from tests.migration_tools.original import SCHEMA, Original, fill

BCRYPT = "$2b$10$abcdefghijklmnopqrstuuGGgFFcYeueaAql8Z7U7CnCTRw4DR77W"
LEGACY_PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Result:
    """``code``: what a script would see."""

    code: int
    output: str
    report: dict[str, Any]
    rows: list[dict[str, str]]

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """Place and reason of each record that was not brought."""
        return [(row["place"], row["reason"]) for row in self.rows]


Migrate = Callable[..., Result]


@pytest.fixture
def migrate(tmp_path: Path) -> Migrate:
    """``migrate("--source", "jsonl", …)``; says yes."""

    def run(*arguments: str, report: bool = True) -> Result:
        out, path = io.StringIO(), tmp_path / "report.json"
        told = (
            ["--report", str(path)]
            if report and not {"--status", "--close-rollback"} & set(arguments)
            else []
        )
        code = 0
        try:
            call_command("migrate_users", *arguments, *told, "--yes", stdout=out)
        except CommandError as refusal:
            code = refusal.returncode
            out.write(str(refusal))
        except SystemExit as end:
            code = int(end.code or 0)
        return Result(code, out.getvalue(), _json(path), _rows(path.with_suffix(".not-migrated.csv")))

    return run


@pytest.fixture
def jsonl(tmp_path: Path) -> Callable[..., str]:
    """Write records, or whole lines, to a file."""

    def write(*records: Any, name: str = "users.jsonl") -> str:
        path = tmp_path / name
        path.write_bytes(b"".join(_line(record) for record in records))
        return str(path)

    return write


def person(number: int | str, **more: Any) -> dict[str, Any]:
    """A neutral record."""
    return {
        "external_id": f"u-{number}",
        "email": f"person{number}@example.org",
        "name": f"Person {number}",
        "created_at": "2022-05-06T07:08:09Z",
        "password": {"scheme": "bcrypt", "hash": BCRYPT},
        **more,
    }


def people(count: int, **more: Any) -> Iterable[dict[str, Any]]:
    return (person(number, **more) for number in range(count))


def _line(record: Any) -> bytes:
    if isinstance(record, bytes):
        return record + b"\n"
    return (record if isinstance(record, str) else json.dumps(record)).encode() + b"\n"


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(params=sorted(KINDS))
def legacy_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Legacy]:
    """An empty database of each kind that answers here."""
    with KINDS[request.param](tmp_path) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def original(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Original]:
    with KINDS[request.param](tmp_path) as found:
        there = Original(found.dsn, found.connection)
        there.run(*(one for one in SCHEMA.split(";") if one.strip()))
        fill(there)
        yield there


@pytest.fixture
def mapping(tmp_path: Path) -> Callable[[str], str]:
    """Write a mapping file."""

    def write(content: str) -> str:
        path = tmp_path / "mapping.toml"
        path.write_text(content)
        return str(path)

    return write


@pytest.fixture(scope="session")
def legacy_process() -> Iterator[LegacySystem]:
    with LegacySystem.started() as process:
        yield process


@pytest.fixture
def legacy(legacy_process: LegacySystem, configure: Callable[..., None]) -> Iterator[LegacySystem]:
    """A legacy system over HTTP that nobody has used before, and lazy migration from it."""
    legacy_process.clear()
    calls.forget()
    configure(
        MIGRATION={
            "MODE": "lazy",
            "VERIFIER": "http",
            "URL": legacy_process.url,
            "SECRET": SECRET,
            "TIMEOUT_MS": 2000,
            "BREAKER_FAILURES": 3,
        }
    )
    yield legacy_process
    legacy_process.behave("answer")
    calls.forget()


@pytest.fixture(autouse=True)
def _look_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread would not see what a test has not committed."""
    monkeypatch.setattr(lookups, "behind", lookups.run_safely)
