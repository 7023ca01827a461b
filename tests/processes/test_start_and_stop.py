"""How the server starts, refuses to start, and ends."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conformance.run_conformance import reserved_port
from tests.processes.smtp import silent_server, sink
from tests.server import CHECKOUT, RunningServer, Site, ask_to_stop, new_email, new_site, wait_for

SECONDS_TO_END = 19  # granian gives its worker ten; the mail server's time-out is twenty


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Migrated, and nothing runs."""
    with new_site() as migrated:
        assert migrated.manage("migrate", "--noinput").returncode == 0
        yield migrated


def makefile_command() -> str:
    """What ``make run`` serves with, as one line."""
    makefile = (CHECKOUT / "Makefile").read_text()
    flags = re.search(r"^GRANIAN_FLAGS = (.*)$", makefile, re.MULTILINE)
    served = re.search(r"exec \$\(PY\) -m (granian .*)$", makefile, re.MULTILINE)
    assert flags is not None
    assert served is not None
    return served[1].replace("$(GRANIAN_FLAGS)", flags[1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_servers_of_the_tests_run_with_the_flags_of_make_run(server: RunningServer) -> None:
    running = Path(f"/proc/{server.processes[0].pid}/cmdline").read_text().strip("\0").split("\0")
    port = server.urls[0].rpartition(":")[2]
    assert sorted(running[2:]) == sorted(makefile_command().replace('"$$PORT"', port).split())


def test_sigterm_loses_no_sighting_of_a_session() -> None:
    settings = {
        "SESSION_TIMEOUT_MINUTES": "60",
        "BETTER_AUTH_SESSION_CACHE_SECONDS": "0",
        "BETTER_AUTH_SESSION_CACHE_SHARED_SECONDS": "0",
    }
    newest = "SELECT max(last_seen_at) FROM better_auth_sessions"
    with RunningServer(**settings) as server:
        signed_up = server.sign_up(new_email("seen"))
        minutes_ago = str(datetime.now(UTC) - timedelta(minutes=5))
        server.database.rows("UPDATE better_auth_sessions SET last_seen_at = %s", minutes_ago)
        before = server.database.value(newest)
        assert server.call("GET", "/get-session", cookie=signed_up.session_cookie).json is not None
        server.processes[0].send_signal(signal.SIGTERM)
        server.processes[0].wait(60)
        assert server.database.value(newest) > before


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_sigterm_ends_the_server_after_its_queued_mail(interface: str) -> None:
    email = new_email("bye")
    with (
        sink() as smtp,
        RunningServer(
            interface="wsgi" if interface == "wsgi" else "asgi",
            MAIL_DIR="",
            SMTP_HOST="127.0.0.1",
            SMTP_PORT=str(smtp.port),
        ) as server,
    ):
        server.sign_up(email)
        for _ in range(3):
            server.call("POST", "/request-password-reset", {"email": email, "redirectTo": "/"})
        assert smtp.offered.wait(90)
        assert smtp.accepted == []
        (process,) = server.processes
        process.terminate()
        wait_for(lambda: "Shutting down" in server.site.log.read_text(), "the server to notice SIGTERM")
        smtp.open.set()
        assert ask_to_stop(process) < SECONDS_TO_END
        assert process.returncode == 0
        assert len(smtp.accepted) == 3
        assert all(f"To: {email}" in mail and "/reset-password/" in mail for mail in smtp.accepted)
        assert "Traceback" not in server.site.log.read_text()


def test_sigterm_ends_the_server_though_the_mail_server_hangs() -> None:
    with (
        silent_server() as port,
        RunningServer(MAIL_DIR="", SMTP_HOST="127.0.0.1", SMTP_PORT=str(port)) as server,
    ):
        email = new_email("hang")
        server.sign_up(email)
        assert server.call("POST", "/request-password-reset", {"email": email}).status == 200
        assert ask_to_stop(server.processes[0]) < SECONDS_TO_END


def test_operator_is_made_once_with_a_password_that_is_shown_once() -> None:
    with RunningServer() as server:
        server.database.rows("DELETE FROM better_auth_accounts")
        server.database.rows("DELETE FROM better_auth_users")
        first = server.site.manage("create_operator", BETTER_AUTH_ADMIN_EMAIL="Boss@Example.com")
        assert first.returncode == 0
        shown = re.search(r"^Password, shown only this once: (\S+)$", first.stdout, re.MULTILINE)
        assert shown is not None
        assert len(shown[1]) >= 20
        second = server.site.manage("create_operator", BETTER_AUTH_ADMIN_EMAIL="other@example.com")
        assert (second.returncode, second.stdout) == (0, "")
        signed_in = server.sign_in("boss@example.com", shown[1])
        assert (signed_in.status, signed_in.json["user"]["role"]) == (200, "admin")
        assert shown[1] not in server.database.dump()
        assert server.database.rows("SELECT email FROM better_auth_users") == [("boss@example.com",)]


def test_given_password_of_the_operator_is_never_printed() -> None:
    with new_site() as fresh:
        assert fresh.manage("migrate", "--noinput").returncode == 0
        given = "operators own password"
        done = fresh.manage("create_operator", BETTER_AUTH_ADMIN_PASSWORD=given)
        assert (done.returncode, done.stdout) == (0, "Operator admin@example.com created.\n")


def test_production_does_not_start_without_a_secret(site: Site) -> None:
    clear = "BETTER_AUTH_SECRET is required in production; set it to 32 or more random characters"
    refused = site.manage("migrate", "--noinput", BETTER_AUTH_ENV="production")
    assert refused.returncode != 0
    assert clear in refused.stdout
    with reserved_port() as port, site.serve(port, BETTER_AUTH_ENV="production") as process:
        assert process.wait(90) != 0
    assert clear in site.log_tail()
    assert not (site.data_dir / "secret").exists() or site.data_dir.joinpath("secret").read_text() not in (
        site.log_tail() + refused.stdout
    )


BAD_VARIABLES = [
    ({"BCRYPT_COST": "12"}, "BCRYPT_COST is not used here", "BETTER_AUTH_ARGON2_TIME_COST"),
    ({"PORT": "abc"}, "PORT: expected a number from 1 to 65535", "'abc'"),
    ({"DATABASE_URL": "mysql://me:hunter2secret@db/x"}, "DATABASE_URL", "postgres://"),
    ({"DATABASE_URL": "nonsense"}, "DATABASE_URL", "sqlite:///"),
    ({"REDIS_URL": "http://127.0.0.1"}, "REDIS_URL", "redis://"),
    ({"BETTER_AUTH_SESSION_EXPIRES_IN": "x"}, "BETTER_AUTH_SESSION_EXPIRES_IN: expected an integer", "'x'"),
    ({"BETTER_AUTH_SESSION_EXPIRES_IN": "0"}, "BETTER_AUTH['SESSION']['EXPIRES_IN']", "at least 1"),
    ({"SESSION_TIMEOUT_MINUTES": "soon"}, "SESSION_TIMEOUT_MINUTES: expected an integer", "'soon'"),
    ({"BETTER_AUTH_ENV": "prod"}, "BETTER_AUTH_ENV: expected development or production", "'prod'"),
    ({"SMTP_HOST": "localhost", "SMTP_PORT": "x", "MAIL_DIR": ""}, "SMTP_PORT: expected a number", "'x'"),
    ({"BETTER_AUTH_LOG_FORMAT": "xml"}, "BETTER_AUTH_LOG_FORMAT: expected line or json", "'xml'"),
    ({"BETTER_AUTH_DATABASE_POOL": "many"}, "BETTER_AUTH_DATABASE_POOL: expected a number", "'many'"),
]


@pytest.mark.parametrize(("variables", "names", "hint"), BAD_VARIABLES, ids=lambda value: str(value)[:40])
def test_bad_variable_stops_the_start_with_its_name(
    variables: dict[str, str], names: str, hint: str, site: Site
) -> None:
    if "BETTER_AUTH_DATABASE_POOL" in variables and site.database.is_sqlite:
        pytest.skip("SQLite has no pool of connections")
    refused = site.manage("check", **variables)
    assert refused.returncode != 0
    assert refused.stdout.startswith("Not configured right: ")
    assert "Traceback" not in refused.stdout
    assert names in refused.stdout
    assert hint in refused.stdout
    assert "hunter2secret" not in refused.stdout


def test_served_with_a_bad_value_the_log_names_it_and_the_process_ends(site: Site) -> None:
    with reserved_port() as port, site.serve(port, BETTER_AUTH_SESSION_EXPIRES_IN="a week") as process:
        assert process.wait(90) != 0
    assert "BETTER_AUTH_SESSION_EXPIRES_IN: expected an integer, got 'a week'" in site.log_tail()


def test_unknown_key_of_the_settings_stops_the_start_with_the_nearest_right_one(site: Site) -> None:
    module = site.workspace / "misspelt_settings.py"
    module.write_text(
        "from config.settings import *\nBETTER_AUTH = {**BETTER_AUTH, 'SESION': {'EXPIRES_IN': 60}}\n"
    )
    refused = site.manage(
        "check", DJANGO_SETTINGS_MODULE="misspelt_settings", PYTHONPATH=f"{site.workspace}:{CHECKOUT}"
    )
    assert refused.returncode != 0
    assert "BETTER_AUTH['SESION']: unknown key; did you mean SESSION?" in refused.stdout
