"""Judge this server with the official JavaScript client: `make conformance`.

Starts the server as `make run` does, on a free port with an empty database, runs the suite beside this file
against it, and stops it. The last line is `N passed, N failed`, the sum over both passes: the rate-limit
cases need the limiter on and all others need it off, so each of the two has a server of its own. Any number
of runs may go on at once.

From the environment: ONLY (the runner's globs, parted by semicolons), CASES (another folder of cases),
CONFORMANCE_DIR (another suite), DATABASE_URL (PostgreSQL: a new database is made beside the one it names),
REDIS_URL, and DOOR ("shut": without the front door).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import IO
from urllib.parse import urlsplit, urlunsplit

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_SUITE = Path(__file__).resolve().parent

ADMIN_EMAIL = "admin@example.com"
ADMIN_PASSWORD = "admin-password"

# As in the Makefile; granian runs as a module so that a moved checkout still starts.
GRANIAN_FLAGS = "--interface asginl --host 127.0.0.1 --workers 1 --workers-kill-timeout 10"

START_TIMEOUT = 120.0
STOP_TIMEOUT = 30.0
LOG_LINES_SHOWN = 100

# What the caller's shell may hold for a server of its own; the suite assumes the defaults.
FOREIGN_VARIABLES = re.compile(
    r"BETTER_AUTH_|GRANIAN_|GOOGLE_|SMTP_|MAKE|MFLAGS$"
    r"|(JWT_SECRET|BCRYPT_COST|SESSION_TIMEOUT_MINUTES|AUTH_SERVER_URL|PREFER_BETTER_AUTH|ENABLE_DUAL_AUTH"
    r"|DJANGO_SETTINGS_MODULE|PORT|MAIL_DIR)$"
)

SUMMARY = re.compile(r"(\d+) passed, (\d+) failed")


class CannotRun(Exception):
    """The suite could not be run to its end; the message tells the user why."""


@dataclass(frozen=True)
class Tally:
    passed: int = 0
    failed: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.passed + other.passed, self.failed + other.failed)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed"


@dataclass(frozen=True)
class Suite:
    """A folder with run.mjs, and the choice of cases in it."""

    folder: Path
    only: tuple[str, ...] = ()
    cases: Path | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Suite:
        folder = Path(environ.get("CONFORMANCE_DIR") or DEFAULT_SUITE).resolve()
        if not (folder / "run.mjs").is_file():
            raise CannotRun(f"There is no run.mjs in {folder} (CONFORMANCE_DIR).")
        cases = Path(environ["CASES"]).resolve() if environ.get("CASES") else None
        if cases is not None and not cases.is_dir():
            raise CannotRun(f"{cases} is not a folder (CASES).")
        only = tuple(filter(None, map(str.strip, environ.get("ONLY", "").split(";"))))
        return cls(folder, only, cases)

    def command(self, *arguments: str, rate_limit: bool) -> list[str]:
        command = ["node", "run.mjs", *arguments]
        command += ["--admin-email", ADMIN_EMAIL, "--admin-password", ADMIN_PASSWORD]
        for pattern in self.only:
            command += ["--only", pattern]
        command += ["--cases", str(self.cases)] if self.cases else []
        command += ["--rate-limit"] if rate_limit else []
        return command

    def selects_any(self, *, rate_limit: bool) -> bool:
        """Known beforehand, so that no server is started for nothing."""
        listing = subprocess.run(
            self.command("--list", rate_limit=rate_limit),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        if listing.returncode:
            raise CannotRun("The suite cannot list its cases, see above.")
        return bool(listing.stdout.strip())

    def judge(self, server: Server, *, rate_limit: bool) -> Tally:
        """Run the cases, pass their lines on as they come, and take the sum from the last one.

        The runner goes into a process group of its own like the server: a Ctrl-C in the terminal reaches
        this process alone, which then stops both.
        """
        command = self.command(
            "--base-url", server.url, "--mail-dir", str(server.mail_dir), rate_limit=rate_limit
        )
        line = ""
        with child(command, cwd=self.folder, stdout=subprocess.PIPE) as runner:
            assert runner.stdout is not None
            for line in runner.stdout:
                print(line, end="", flush=True)
            status = runner.wait()
        summary = SUMMARY.fullmatch(line.strip())
        if summary is None:
            raise CannotRun(f"The runner ended with status {status} and without a sum.")
        tally = Tally(*map(int, summary.groups()))
        if status and not tally.failed:
            raise CannotRun(f"The runner ended with status {status}, though it counted no failure.")
        return tally

    def installed(self, workspace: Path) -> Suite:
        """This suite with its libraries; one outside the checkout is somebody else's, so a copy of it."""
        if self.folder.is_relative_to(CHECKOUT):
            install_libraries(self.folder)
            return self
        if (self.folder / "node_modules").is_dir():
            return self
        copy = workspace / "suite"
        shutil.copytree(self.folder, copy, copy_function=shutil.copyfile)
        copy.chmod(0o755)
        install_libraries(copy)
        return replace(self, folder=copy)


def install_libraries(folder: Path) -> None:
    """Run `npm ci` where it has not been run for this package-lock.json. Others who need it wait."""
    locked = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".installed-lock"
    with exclusive(folder):
        if stamp.is_file() and stamp.read_text() == locked:
            return
        print("Installing the official client (npm ci)", flush=True)
        if subprocess.run(["npm", "ci"], cwd=folder, stdin=subprocess.DEVNULL).returncode:
            raise CannotRun("npm ci failed, see above.")
        stamp.write_text(locked)


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the lock on a folder: it leaves no file behind, and a killed process lets go of it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def child(
    command: Sequence[str],
    *,
    cwd: Path,
    stdout: IO[str] | int,
    stderr: int | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A child in its own process group, of which nothing is left at the end: asked first, then killed."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A free port that no other run gets meanwhile.

    granian binds with SO_REUSEPORT, so two servers would silently share a port picked by chance. The bound
    socket that is kept here never listens: connections go to granian, and the kernel gives the port to
    nobody else.
    """
    with socket.socket() as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reservation.bind(("127.0.0.1", 0))
        yield reservation.getsockname()[1]


@contextlib.contextmanager
def fresh_database(environ: Mapping[str, str], workspace: Path) -> Iterator[str]:
    """The URL of an empty database, gone at the end: a file, or one beside that which DATABASE_URL names."""
    given = environ.get("DATABASE_URL", "")
    scheme = urlsplit(given).scheme
    if scheme in {"", "sqlite"}:
        yield f"sqlite:///{workspace / 'conformance.sqlite3'}"
        return
    if scheme not in {"postgres", "postgresql"}:
        raise CannotRun(f"DATABASE_URL begins with {scheme}; the suite runs on postgres:// and sqlite:///.")
    name = f"conformance_{secrets.token_hex(8)}"
    administer_postgresql(given, f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        yield urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
    finally:
        try:
            administer_postgresql(given, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        except CannotRun as problem:  # says nothing about the server that was judged
            print(f"\n{problem}")


def administer_postgresql(url: str, statement: str) -> None:
    import psycopg  # here, because a run on SQLite does without it

    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement.encode())
    except psycopg.Error as error:
        raise CannotRun(f"PostgreSQL, asked to {statement}: {error}") from error


@contextlib.contextmanager
def cache_prefix(environ: Mapping[str, str]) -> Iterator[str]:
    """A prefix for the keys of this run alone, whose keys are removed at the end."""
    prefix = f"conformance-{secrets.token_hex(8)}"
    try:
        yield prefix
    finally:
        if url := environ.get("REDIS_URL"):
            forget_redis_keys(url, prefix)


def forget_redis_keys(url: str, prefix: str) -> None:
    import redis  # here, because a run without Redis does without it

    with contextlib.suppress(redis.RedisError), redis.Redis.from_url(url) as store:
        keys = list(store.scan_iter(match=f"*{prefix}*", count=1000))
        if keys:
            store.delete(*keys)


@dataclass(frozen=True)
class Server:
    """A running server, and where it keeps its things."""

    url: str
    mail_dir: Path


@dataclass(frozen=True)
class Site:
    """What the two starts of the server have in common: the folder, the settings and the log of this run."""

    workspace: Path
    environ: Mapping[str, str]
    log: Path

    def prepare(self) -> None:
        """Migrate, and make the administrator."""
        (self.workspace / "data").mkdir()
        for command in (["migrate", "--noinput"], ["create_operator"]):
            with self.log.open("a") as log:
                done = subprocess.run(
                    [sys.executable, "manage.py", *command],
                    cwd=CHECKOUT,
                    env=dict(self.environ),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            if done.returncode:
                raise CannotRun(f"manage.py {' '.join(command)} ended with status {done.returncode}.")

    @contextlib.contextmanager
    def serve(self, *, rate_limit: bool) -> Iterator[Server]:
        mail_dir = Path(tempfile.mkdtemp(prefix="mail-", dir=self.workspace))
        with contextlib.ExitStack() as stack:
            port = stack.enter_context(reserved_port())
            url = f"http://127.0.0.1:{port}"
            environ = {
                **self.environ,
                "BETTER_AUTH_URL": url,
                "BETTER_AUTH_RATE_LIMIT_ENABLED": "true" if rate_limit else "false",
                "MAIL_DIR": str(mail_dir),
                "PORT": str(port),
            }
            command = [sys.executable, "-m", "granian", *GRANIAN_FLAGS.split(), "--port", str(port)]
            command.append("config.asgi:application")
            log = stack.enter_context(self.log.open("a"))
            process = stack.enter_context(
                child(command, cwd=CHECKOUT, env=environ, stdout=log, stderr=subprocess.STDOUT)
            )
            wait_until_ready(process, url)
            yield Server(url, mail_dir)
            if process.poll() is not None:
                raise CannotRun(f"The server ended with status {process.returncode} before the suite did.")


def wait_until_ready(process: subprocess.Popen[str], url: str) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    answer = "no answer"
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CannotRun(f"The server ended with status {process.returncode} before it was ready.")
        try:
            with direct.open(f"{url}/health/ready", timeout=5):
                return
        except urllib.error.HTTPError as error:
            answer = f"{error.code} {error.read(2000).decode(errors='replace')}"
        except OSError as error:
            answer = str(error)
        time.sleep(0.1)
    raise CannotRun(f"The server was not ready after {START_TIMEOUT:.0f} s. /health/ready: {answer}")


def server_environment(
    environ: Mapping[str, str], *, workspace: Path, database_url: str, prefix: str
) -> dict[str, str]:
    """The settings that the suite's README assumes, and none that the caller's shell holds for another."""
    return {
        **{name: value for name, value in environ.items() if not FOREIGN_VARIABLES.match(name)},
        "BETTER_AUTH_ADMIN_EMAIL": ADMIN_EMAIL,
        "BETTER_AUTH_ADMIN_PASSWORD": ADMIN_PASSWORD,
        "BETTER_AUTH_CACHE_PREFIX": prefix,
        "BETTER_AUTH_DATA_DIR": str(workspace / "data"),
        "BETTER_AUTH_FRONT_DOOR": "false" if environ.get("DOOR") == "shut" else "true",
        "BETTER_AUTH_PASSWORD_REFUSE_COMMON": "false",
        "DATABASE_URL": database_url,
        "PYTHONUNBUFFERED": "1",
    }


def show_log(log: Path) -> None:
    """The end of the server's log on the screen, the whole of it in a file that outlives this run."""
    handle, kept = tempfile.mkstemp(prefix="conformance-server-", suffix=".log")
    os.close(handle)
    shutil.copyfile(log, kept)
    lines = log.read_text(errors="replace").splitlines()
    print(f"\n--- the server's log, last {LOG_LINES_SHOWN} of {len(lines)} lines; the whole of it: {kept}")
    print("\n".join(lines[-LOG_LINES_SHOWN:]))
    print("---", flush=True)


def judge_on(site: Site, suite: Suite, *, rate_limit: bool) -> Tally:
    """One pass. A server that does not start, or dies, is one failure more, and takes no result away."""
    tally = Tally()
    try:
        with site.serve(rate_limit=rate_limit) as server:
            tally = suite.judge(server, rate_limit=rate_limit)
    except CannotRun as problem:
        print(f"\n{problem}")
        tally += Tally(failed=1)
    return tally


def run(environ: Mapping[str, str]) -> Tally:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise CannotRun("The suite needs Node.js 20.19 or newer with npm, and it is not on the PATH.")
    with contextlib.ExitStack() as stack:
        workspace = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-")))
        suite = Suite.from_environment(environ).installed(workspace)
        passes = [limited for limited in (False, True) if suite.selects_any(rate_limit=limited)]
        if not passes:
            return Tally()
        database_url = stack.enter_context(fresh_database(environ, workspace))
        prefix = stack.enter_context(cache_prefix(environ))
        settings = server_environment(environ, workspace=workspace, database_url=database_url, prefix=prefix)
        site = Site(workspace, settings, workspace / "server.log")
        try:
            site.prepare()
            total = sum((judge_on(site, suite, rate_limit=limited) for limited in passes), Tally())
        except Exception:
            show_log(site.log)
            raise
        if total.failed:
            show_log(site.log)
    return total


def stop_on_signal(number: int, frame: FrameType | None) -> None:
    """Unwind: stop the server, drop the database. A second signal must not cut that short."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main() -> int:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(name) is not signal.SIG_IGN:  # nohup stays what it is
            signal.signal(name, stop_on_signal)
    try:
        total = run(os.environ)
    except CannotRun as problem:
        print(f"\n{problem}")
        total = Tally(failed=1)
    print(total, flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
