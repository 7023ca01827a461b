"""The processes that are measured: each on the core that servers get, and what it spent on them."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import sessions
from tests.conformance.run_conformance import child, fresh_database, install_libraries, reserved_port
from tests.server import CHECKOUT, PROGRAMS, Interface, Site, new_site, wait_until_answering

SERVER_CORE, LOAD_CORE = "0", "1"
HERE = Path(__file__).parent
PATH = "/api/auth/get-session"
TICKS = os.sysconf("SC_CLK_TCK")
# As the Makefile has it for `make run`, and docs/deployment.md for production.
KEPT_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
    "MALLOC_MMAP_THRESHOLD_": "134217728",
}
# The original has no jwt plugin in these rows, and neither mints a token with each read.
WITHOUT_JWT = {"BETTER_AUTH_JWT_IN_HEADER": "false"}
# A hash that costs what the defaults make it cost, not what the tests do with.
DEFAULT_HASH = {"BETTER_AUTH_ARGON2_MEMORY_COST": "19456", "BETTER_AUTH_ARGON2_TIME_COST": "2"}


@dataclass(frozen=True)
class Target:
    """A server under load. ``cookies``: a file of ``Cookie`` headers, of living sessions of ``email``; or of
    another ``header``."""

    name: str
    url: str
    pid: int
    cookies: Path
    email: str
    header: str = "Cookie"

    def cpu_seconds(self) -> float:
        """Of the process and all its descendants so far."""
        return sum(_cpu_ticks(pid) for pid in _family(self.pid)) / TICKS


@contextmanager
def prepared_site(*, count: int = 2000, taken: int = 2000, redis: bool = False) -> Iterator[Site]:
    """A migrated place with one user and ``count`` sessions, of which ``taken`` are asked for."""
    redis_url = os.environ.pop("REDIS_URL", None)
    if redis and redis_url:
        os.environ["REDIS_URL"] = redis_url
    try:
        with new_site(BETTER_AUTH_SECRET=sessions.SECRET, **DEFAULT_HASH, **WITHOUT_JWT) as site:
            done = site.manage("migrate", "--noinput")
            if done.returncode:
                raise SystemExit(done.stdout)
            sessions.plant(site, count=count, taken=taken)
            yield site
    finally:
        if redis_url:
            os.environ["REDIS_URL"] = redis_url


@contextmanager
def ours(
    site: Site, name: str, *, interface: Interface = "wsgi", application: str = "", **settings: str
) -> Iterator[Target]:
    """Our server, with the flags of ``make run`` or of production; with another ``application`` if given."""
    program = list(PROGRAMS[interface])
    if application:
        program[-1] = application
    with reserved_port() as port:
        url = f"http://127.0.0.1:{port}"
        environ = site.environment(PORT=str(port), BETTER_AUTH_URL=url, **KEPT_MEMORY, **settings)
        command = [*pinned(SERVER_CORE), sys.executable, "-m", "granian", "--port", str(port), *program]
        with (
            site.log.open("a") as log,
            child(command, cwd=CHECKOUT, env=environ, stdout=log, stderr=log.fileno()) as process,
        ):
            wait_until_answering(process, url + PATH, site)
            yield Target(name, url, process.pid, site.workspace / "cookies", sessions.EMAIL)


@contextmanager
def reference(mode: str, workspace: Path) -> Iterator[Target]:
    """The original; ``mode``: "pg", "redis", "cookie", "jwt" or "api-key"."""
    folder = HERE / "reference"
    install_libraries(folder)
    with reserved_port() as port:
        pass  # Node.js would not share it; who else would take it just now?
    with fresh_database(os.environ, workspace) as database:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "REDIS_URL") if name in os.environ}
        environ = {
            **kept,
            "MODE": mode,
            "PORT": str(port),
            "DATABASE_URL": database,
            "NODE_ENV": "production",
        }
        read, write = os.pipe()
        command = [*pinned(SERVER_CORE), "node", "server.mjs"]
        with child(command, cwd=folder, env=environ, stdout=write) as process, os.fdopen(read) as told:
            os.close(write)
            line = told.readline()
            if not line:
                raise SystemExit("The original server did not start, see above.")
            ready = json.loads(line)
            cookies = workspace / f"cookies-{secrets.token_hex(4)}"
            cookies.write_text((ready.get("key") or ready["cookie"]) + "\n")
            header = "x-api-key" if "key" in ready else "Cookie"
            url = f"http://127.0.0.1:{port}"
            yield Target(f"original, {mode}", url, process.pid, cookies, ready["email"], header)


def pinned(core: str) -> list[str]:
    return ["taskset", "-c", core]


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for young in children for one in _family(int(young)))]


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
