"""What `make conformance` promises that a green run of the suite does not show."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from tests.conformance import run_conformance
from tests.conformance.run_conformance import CannotRun, Suite, Tally


def test_server_is_started_as_make_run_starts_it() -> None:
    makefile = (run_conformance.CHECKOUT / "Makefile").read_text()
    assert f"GRANIAN_FLAGS = {run_conformance.GRANIAN_FLAGS}\n" in makefile


def test_settings_of_the_callers_shell_do_not_reach_the_server(tmp_path: Path) -> None:
    shell = {
        "PATH": "/bin",
        "REDIS_URL": "redis://127.0.0.1:6379/1",
        "BETTER_AUTH_SECRET": "theirs",
        "SMTP_HOST": "mail.example.com",
        "SESSION_TIMEOUT_MINUTES": "5",
        "MAKEFLAGS": "-- PORT=9000",
        "PORT": "9000",
    }
    environ = run_conformance.server_environment(
        shell, workspace=tmp_path, database_url="sqlite:///x", prefix="p"
    )
    assert shell.keys() & environ.keys() == {"PATH", "REDIS_URL"}
    assert environ["DATABASE_URL"] == "sqlite:///x"


def test_suite_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="CONFORMANCE_DIR"):
        Suite.from_environment({"CONFORMANCE_DIR": str(tmp_path)})
    with pytest.raises(CannotRun, match="CASES"):
        Suite.from_environment({"CASES": str(tmp_path / "absent")})


def test_only_and_cases_reach_the_runner(tmp_path: Path) -> None:
    suite = Suite.from_environment({"ONLY": "core/*; jwt/a case: of two", "CASES": str(tmp_path)})
    arguments = suite.command(rate_limit=True)
    command = " ".join(arguments)
    assert "--only core/* --only jwt/a case: of two" in command
    assert "jwt/a case: of two" in arguments
    assert f"--cases {tmp_path}" in command
    assert "--rate-limit" in command


@pytest.mark.parametrize("url", ["", "sqlite:////somewhere/else.sqlite3"])
def test_sqlite_gets_a_file_of_its_own(url: str, tmp_path: Path) -> None:
    with run_conformance.fresh_database({"DATABASE_URL": url}, tmp_path) as own:
        assert own == f"sqlite:///{tmp_path}/conformance.sqlite3"


def test_other_databases_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(CannotRun, match="mysql"),
        run_conformance.fresh_database({"DATABASE_URL": "mysql://db/x"}, tmp_path),
    ):
        pass


def test_reserved_port_goes_to_nobody_else() -> None:
    with (
        run_conformance.reserved_port() as port,
        socket.socket() as other,
        pytest.raises(OSError, match="in use"),
    ):
        other.bind(("127.0.0.1", port))


def test_server_that_ends_at_once_is_not_waited_for(tmp_path: Path) -> None:
    with (
        (tmp_path / "log").open("w") as log,
        run_conformance.child([sys.executable, "-c", "exit(3)"], cwd=tmp_path, stdout=log) as process,
    ):
        process.wait()
        with pytest.raises(CannotRun, match="status 3"):
            run_conformance.wait_until_ready(process, "http://127.0.0.1:1")


def test_no_child_outlives_its_block(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    with pytest.MonkeyPatch.context() as patch, (tmp_path / "log").open("w") as log:
        patch.setattr(run_conformance, "STOP_TIMEOUT", 0.2)
        with run_conformance.child([sys.executable, "-c", stubborn], cwd=tmp_path, stdout=log) as process:
            pass
    assert process.returncode is not None


def test_tallies_add_up() -> None:
    assert str(Tally(3, 1) + Tally(2, 0)) == "5 passed, 1 failed"
