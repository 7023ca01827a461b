"""What scripts can tell from the exit code, and operators from the last line."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from migration_tools.models import MigrationRun
from migration_tools.records import LegacyUser, Read
from migration_tools.sources import Source
from migration_tools.sources.source import Share
from tests.migration_tools.conftest import Migrate
from tests.server import new_site

SECRET = "$2b$10$what-stood-in-the-row"


class Faulty(Source):
    """A third party's, with a bug in its third record."""

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        for number in range(int(after or 0), 5):
            if number == 2 and MigrationRun.objects.filter(total__gt=0).exists():
                raise KeyError(SECRET)
            yield Read(
                f"row {number}", str(number + 1), user=LegacyUser(f"f-{number}", f"f{number}@example.org")
            )


class Terminated(Source):
    """Whoever reads it is asked to stop at its second record."""

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        yield Read("row 1", "1", user=LegacyUser("t-1", "t1@example.org"))
        os.kill(os.getpid(), signal.SIGTERM)
        yield Read("row 2", "2", user=LegacyUser("t-2", "t2@example.org"))


@pytest.mark.django_db
def test_a_fault_in_mid_run_is_no_refusal(migrate: Migrate, caplog: pytest.LogCaptureFixture) -> None:
    result = migrate("--source", f"{__name__}.Faulty", "--batch-size", "1")
    assert (result.code, result.output.splitlines()[-1]) == (
        3,
        "KeyError; 2 records are done, --resume goes on",
    )
    run = MigrationRun.objects.get()
    assert (run.state, run.done, run.problem) == ("interrupted", 2, "KeyError")
    assert SECRET not in result.output + caplog.text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dry-run"], "interrupted; nothing was written"),
        (["--verify"], "interrupted; nothing was written"),
        ([], "interrupted; --resume goes on"),
    ],
)
def test_who_is_interrupted_is_told_what_is_left(arguments: list[str], said: str, migrate: Migrate) -> None:
    result = migrate("--source", f"{__name__}.Terminated", *arguments, report=False)
    assert (result.code, said in result.output) == (3, True), result.output


def test_what_is_not_understood_is_refused() -> None:
    with new_site() as site:
        for told in (["--bogus"], ["--batch-size", "many"], ["--batch-size", "0"], ["--on-conflict", "x"]):
            done = site.manage("migrate_users", *told)
            assert (done.returncode, "_positive" in done.stdout) == (1, False), done.stdout
        assert site.manage("migrate_users", "--help").returncode == 0


def test_a_database_that_is_not_ready_is_told_of() -> None:
    with new_site() as site:
        done = site.manage("migrate_users", "--status")
        assert (done.returncode, "run manage.py migrate first" in done.stdout) == (1, True), done.stdout
        gone = site.manage("migrate_users", "--status", DATABASE_URL="postgres://nobody:hush@127.0.0.1:1/x")
        assert (gone.returncode, "can't be read" in gone.stdout) == (1, True), gone.stdout
        assert "hush" not in gone.stdout
