"""Load by wrk, from the other core; and what it says of the server."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import statistics
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.servers import HERE, LOAD_CORE, PATH, Target, pinned

CONNECTIONS = 16


@dataclass(frozen=True)
class Window:
    """Some seconds of load: requests per second, latencies and processor time in microseconds."""

    rate: float
    p50: float
    p95: float
    p99: float
    cpu: float
    share: float
    failed: int


@dataclass(frozen=True)
class Measured:
    """The medians of several windows. ``share``: of its core that the server used."""

    name: str
    windows: tuple[Window, ...]

    def median(self, figure: str) -> float:
        return statistics.median(getattr(window, figure) for window in self.windows)

    @property
    def failed(self) -> int:
        return sum(window.failed for window in self.windows)

    def as_json(self) -> dict[str, object]:
        figures = ("rate", "p50", "p95", "p99", "cpu", "share")
        medians = {figure: round(self.median(figure), 2) for figure in figures}
        return {"name": self.name, **medians, "windows": [asdict(window) for window in self.windows]}


def ensure_wrk() -> None:
    if not shutil.which("wrk"):
        raise SystemExit("wrk is needed: apt-get install wrk")


def ensure_right(target: Target, path: str = PATH) -> None:
    """Before a row counts, its answer must be the session of the expected user."""
    address = urlsplit(target.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    cookie = target.cookies.read_text().splitlines()[-1]
    connection.request("GET", path, headers={target.header: cookie})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200 or json.loads(body)["user"]["email"] != target.email:
        raise SystemExit(f"{target.name} answered {answer.status} {body[:200]!r}")


def press(
    target: Target,
    seconds: float,
    *,
    path: str = PATH,
    body: str | None = None,
    connections: int = CONNECTIONS,
) -> Window:
    """One window."""
    command = [*pinned(LOAD_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "30s"]
    command += ["-s", str(HERE / "lua/load.lua"), target.url + path]
    environ = {"PATH": os.environ["PATH"], "COOKIES": str(target.cookies), "ORIGIN": target.url}
    environ["HEADER"] = target.header
    before = target.cpu_seconds()
    done = subprocess.run(
        command, env={**environ, **({"BODY": body} if body else {})}, capture_output=True, text=True
    )
    spent = target.cpu_seconds() - before
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return read_window(done.stdout, cpu_seconds=spent)


def read_window(output: str, *, cpu_seconds: float) -> Window:
    """The last line of what ``load.lua`` prints, and the processor time beside it."""
    told = json.loads(output.strip().splitlines()[-1])
    seconds, requests = told["microseconds"] / 1e6, max(told["requests"], 1)
    return Window(
        rate=told["requests"] / seconds,
        p50=told["p50"],
        p95=told["p95"],
        p99=told["p99"],
        cpu=cpu_seconds / requests * 1e6,
        share=cpu_seconds / seconds,
        failed=told["refused"] + told["broken"],
    )


def one_cookie(target: Target) -> Target:
    """The same target, asked for one session only."""
    single = target.cookies.with_name("cookie")
    return Target(target.name, target.url, target.pid, single, target.email)


def no_cookies(folder: Path) -> Path:
    empty = folder / "no-cookies"
    empty.write_text("\n")
    return empty
