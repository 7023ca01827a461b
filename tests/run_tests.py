"""Check the code and run every test: `make test`.

The tests run on SQLite with the cache of the process, and again on PostgreSQL and Redis where these answer
at TEST_DATABASE_URL and TEST_REDIS_URL, or at their usual local addresses. With CI=true they must answer.
Coverage is measured in the last of these runs alone, because it slows a run down; what asks neither database
nor Redis runs in that one alone, too.
A part that fails does not stop the others; the summary at the end names them all.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = ("better_auth", "organizations", "apikeys", "migration_tools", "config")

POSTGRESQL_URL = "postgres://postgres@127.0.0.1:5432/postgres"
REDIS_URL = "redis://127.0.0.1:6379/15"

# The same whatever the database is. tests/architecture holds this list to what these files say.
WITHOUT_SERVICES = (
    "tests/architecture",
    "tests/better_auth/conf",
    "tests/better_auth/crypto",
    "tests/better_auth/test_admin_hosts.py",
    "tests/config",
    "tests/conformance",
    "tests/test_wheel.py",
)

PYTEST_PROCESSES = "2"
LEAST_COVERAGE = "90"

# What the caller's shell may hold for a server of its own. The tests say themselves what they run with.
FOREIGN_VARIABLES = re.compile(
    r"BETTER_AUTH_|COVERAGE_|GOOGLE_|SMTP_"
    r"|(DATABASE_URL|REDIS_URL|JWT_SECRET|BCRYPT_COST|SESSION_TIMEOUT_MINUTES|AUTH_SERVER_URL|PREFER_BETTER_AUTH"
    r"|ENABLE_DUAL_AUTH|DJANGO_SETTINGS_MODULE|PORT|MAIL_DIR)$"
)


@dataclass
class Report:
    """What ran, and how it ended."""

    lines: list[str] = field(default_factory=list)
    failures: int = 0

    def add(self, part: str, *, ok: bool, remark: str) -> None:
        self.failures += not ok
        self.lines.append(f"{'ok  ' if ok else 'FAIL'}  {part:<34} {remark}")

    def show(self) -> None:
        heading("Summary")
        print("\n".join(self.lines))
        failed = f"{self.failures} of {len(self.lines)} parts failed"
        print(f"\n{failed if self.failures else 'Everything passed'}")


@dataclass(frozen=True)
class Service:
    """PostgreSQL or Redis, and whether it is there."""

    name: str
    url: str
    problem: str | None

    @property
    def address(self) -> str:
        """Where it is, without the password."""
        return urlsplit(self.url).netloc.rpartition("@")[2] + urlsplit(self.url).path


def heading(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def run_part(report: Report, part: str, command: str, environ: Mapping[str, str]) -> None:
    """One command of the virtual environment's Python; its output goes straight through."""
    heading(part)
    started = time.monotonic()
    status = subprocess.run(
        [sys.executable, *shlex.split(command)], cwd=CHECKOUT, env=dict(environ), stdin=subprocess.DEVNULL
    ).returncode
    remark = f"{time.monotonic() - started:.1f} s" + (f", exit status {status}" if status else "")
    report.add(part, ok=status == 0, remark=remark)


def check_code(report: Report, environ: Mapping[str, str]) -> None:
    packages = " ".join(name for name in PACKAGES if (CHECKOUT / name).is_dir())
    run_part(report, "ruff check", "-m ruff check .", environ)
    run_part(report, "ruff format", "-m ruff format --check .", environ)
    run_part(report, "mypy", f"-m mypy {packages}", environ)


def check_project(report: Report, environ: Mapping[str, str]) -> None:
    run_part(report, "makemigrations --check", "manage.py makemigrations --check --dry-run", environ)
    production = {
        **environ,
        "BETTER_AUTH_ENV": "production",
        "BETTER_AUTH_URL": "https://auth.example.com",
        "BETTER_AUTH_SECRET": secrets.token_urlsafe(36),
        "REDIS_URL": "redis://127.0.0.1:6379/0",
        "BETTER_AUTH_TRUSTED_PROXIES": "127.0.0.1",
    }
    run_part(report, "check --deploy", "manage.py check --deploy --fail-level WARNING", production)


def check_lock_files(report: Report) -> None:
    """The runtime is part of the development lock, pin for pin, and no lock file names a registry."""
    heading("lock files")
    runtime, development = (
        (CHECKOUT / name).read_text() for name in ("requirements.lock", "requirements-dev.lock")
    )
    problems = [f"a registry is named: {url}" for url in re.findall(r"\w+://\S+", runtime + development)]
    pins = re.compile(r"^(\S+==\S+)", re.MULTILINE)
    missing = set(pins.findall(runtime)) - set(pins.findall(development))
    problems += [f"not in requirements-dev.lock: {pin}" for pin in sorted(missing)]
    print("\n".join(problems) or "They agree.")
    report.add("lock files", ok=not problems, remark=f"{len(problems)} problems" if problems else "agree")


def find_service(name: str, url: str, connect: Callable[[str], None]) -> Service:
    try:
        connect(url)
    except Exception as error:
        return Service(name, url, " ".join(str(error).split()) or type(error).__name__)
    return Service(name, url, None)


def connect_to_postgresql(url: str) -> None:
    import psycopg

    psycopg.connect(url, connect_timeout=3).close()


def connect_to_redis(url: str) -> None:
    import redis

    with redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3) as store:
        store.ping()


@contextlib.contextmanager
def names_of_this_run(url: str) -> Iterator[str]:
    """The same PostgreSQL under a database name of our own, so that two runs at once do not share `test_…`.

    Django makes and drops the test databases; what an interrupted run leaves is dropped here.
    """
    import psycopg
    from psycopg import sql

    name = f"run_{secrets.token_hex(6)}"
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (f"test_{name}",)
            )
            for (left,) in found.fetchall():
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(left))
                )


def run_pytest(report: Report, part: str, environ: Mapping[str, str], *, is_last: bool) -> None:
    prefixed = {**environ, "BETTER_AUTH_CACHE_PREFIX": f"test-{secrets.token_hex(6)}"}
    runner = "-m coverage run -m pytest" if is_last else "-m pytest"
    left_out = "" if is_last else "".join(f" --ignore={path}" for path in WITHOUT_SERVICES)
    run_part(report, part, f"{runner} -n {PYTEST_PROCESSES} --dist loadfile{left_out}", prefixed)


def run_on_services(report: Report, services: Sequence[Service], environ: Mapping[str, str]) -> None:
    """The tests once more, on what is there; a missing service is said, and in CI it is a failure."""
    required = os.environ.get("CI", "").lower() == "true"
    there = [service for service in services if service.problem is None]
    for service in services:
        if service.problem is not None:
            remark = f"not there at {service.address}" + ("" if required else ": NOT tested on it")
            report.add(service.name, ok=not required, remark=remark)
            print(f"{service.name} is not there: {service.problem}")
    if not there:
        return
    with contextlib.ExitStack() as stack:
        variables = {"PostgreSQL": "DATABASE_URL", "Redis": "REDIS_URL"}
        chosen = {variables[service.name]: service.url for service in there}
        if "DATABASE_URL" in chosen:
            chosen["DATABASE_URL"] = stack.enter_context(names_of_this_run(chosen["DATABASE_URL"]))
        part = "pytest on " + " + ".join(service.name for service in there)
        run_pytest(report, part, {**environ, **chosen}, is_last=True)


def report_coverage(report: Report, environ: Mapping[str, str]) -> None:
    """Over all runs together; the data stays in the checkout for `coverage html`."""
    data = Path(environ["COVERAGE_FILE"])
    if not list(data.parent.glob(f"{data.name}.*")):
        report.add("coverage", ok=False, remark="nothing was measured")
        return
    run_part(report, "coverage combine", f"-m coverage combine --quiet {data.parent}", environ)
    run_part(report, "coverage", f"-m coverage report --skip-covered --fail-under={LEAST_COVERAGE}", environ)
    if data.is_file():
        shutil.copyfile(data, CHECKOUT / ".coverage")


def main() -> int:
    report = Report()
    with tempfile.TemporaryDirectory(prefix="tests-") as workspace:
        own = {name: value for name, value in os.environ.items() if not FOREIGN_VARIABLES.match(name)}
        environ = {**own, "BETTER_AUTH_DATA_DIR": workspace, "COVERAGE_FILE": f"{workspace}/.coverage"}
        services = [
            find_service(
                "PostgreSQL", os.environ.get("TEST_DATABASE_URL") or POSTGRESQL_URL, connect_to_postgresql
            ),
            find_service("Redis", os.environ.get("TEST_REDIS_URL") or REDIS_URL, connect_to_redis),
        ]
        check_lock_files(report)
        check_code(report, environ)
        check_project(report, environ)
        is_only_run = all(service.problem is not None for service in services)
        run_pytest(report, "pytest on SQLite", environ, is_last=is_only_run)
        run_on_services(report, services, environ)
        report_coverage(report, environ)
    report.show()
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
