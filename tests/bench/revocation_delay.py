"""How soon a second process knows what the first has ended or changed: both under load, with one Redis.

    .venv/bin/python -m tests.bench.revocation_delay [--times 200] [--connections 8]

``DATABASE_URL`` names a PostgreSQL in which databases may be made; the Redis is the script's own. Both
processes remember for 60 seconds: whoever notices before, was told. From two moments to the first answer of
the second process that shows the change: from when the first one was asked, which counts its own work and the
answer's way, and from when it had answered.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL
from typing import Any
from urllib.parse import urlsplit

from tests.bench.loads import ensure_wrk
from tests.bench.servers import PATH
from tests.conformance.run_conformance import child
from tests.processes.redis_server import OwnRedis, free_port
from tests.server import Call, RunningServer, new_email, wait_for

LONGEST_WAIT = 30.0
LONGEST_LOAD = 1800
PROMISED_MS = 250


@dataclass(frozen=True)
class Delay:
    """In milliseconds: from the request to the first process, and from its answer."""

    since_asked: float
    since_answered: float


class Watch:
    """Asks the second process for a session over and over, until it shows what is awaited."""

    def __init__(self, server: RunningServer, cookie: str, awaited: Callable[[Any], bool]) -> None:
        address = urlsplit(server.urls[1])
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
        self._call, self._origin = Call("GET", "/get-session", cookie=cookie), server.origin
        self._awaited, self._thread = awaited, threading.Thread(target=self._ask)
        self.seen_at = 0.0
        self.asked = threading.Event()

    def __enter__(self) -> Watch:
        self._thread.start()
        self.asked.wait(LONGEST_WAIT)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._connection.close()

    def _ask(self) -> None:
        deadline = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < deadline:
            shown = self._call.send(self._connection, origin=self._origin).json
            if self._awaited(shown):
                self.seen_at = time.perf_counter()
                return
            self.asked.set()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--connections", type=int, default=8, help="of the load, to each process")
    arguments = parser.parse_args()
    ensure_wrk()
    os.environ.setdefault("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    with running() as server, load(server, arguments.connections):
        ended = [sign_out(server) for _ in range(arguments.times)]
        changed = [change_name(server) for _ in range(arguments.times)]
    print(f"{arguments.times} of each, {arguments.connections} connections of load to each process; ms")
    print(f"{'':40}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}")
    worst = 0.0
    for name, delays in (("sign-out", ended), ("change of the user", changed)):
        show(f"{name}, since it was answered", [one.since_answered for one in delays])
        show(f"{name}, since it was asked for", [one.since_asked for one in delays])
        worst = max(worst, percentile([one.since_asked for one in delays], 99))
    return 0 if worst <= PROMISED_MS else 1


@contextlib.contextmanager
def running() -> Iterator[RunningServer]:
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        redis = OwnRedis(Path(folder), free_port())
        redis.start()
        try:
            with RunningServer(
                processes=2,
                interface="wsgi",
                REDIS_URL=redis.url,
                BETTER_AUTH_CACHE_PREFIX="delay",
                BETTER_AUTH_SESSION_CACHE_SECONDS="60",
            ) as server:
                yield server
        finally:
            redis.kill()


@contextlib.contextmanager
def load(server: RunningServer, connections: int) -> Iterator[None]:
    cookie = server.sign_up(new_email("load")).session_cookie
    with contextlib.ExitStack() as stack:
        for url in server.urls:
            command = ["wrk", "-t1", f"-c{connections}", f"-d{LONGEST_LOAD}s", "-H", f"Cookie: {cookie}"]
            stack.enter_context(child([*command, url + PATH], cwd=Path.cwd(), stdout=DEVNULL))
        time.sleep(1)
        yield


def sign_out(server: RunningServer) -> Delay:
    cookie = server.sign_up(new_email()).session_cookie
    return measure(server, Call("POST", "/sign-out", {}, cookie), lambda shown: shown is None)


def change_name(server: RunningServer) -> Delay:
    """As a ban or another role: all sessions of a user are told of."""
    cookie = server.sign_up(new_email()).session_cookie
    call = Call("POST", "/update-user", {"name": "Bob"}, cookie)
    return measure(server, call, lambda shown: shown["user"]["name"] == "Bob")


def measure(server: RunningServer, call: Call, awaited: Callable[[Any], bool]) -> Delay:
    for _ in range(3):  # remembered
        server.call("GET", "/get-session", cookie=call.cookie, process=1)
    with Watch(server, call.cookie, awaited) as watch:
        asked_at = time.perf_counter()
        answer = server.call(call.method, call.path, call.body, cookie=call.cookie)
        answered_at = time.perf_counter()
        assert answer.status == 200, answer
        wait_for(lambda: watch.seen_at, "the second process", seconds=LONGEST_WAIT)
    since_answered = max(0.0, watch.seen_at - answered_at)
    return Delay((watch.seen_at - asked_at) * 1000, since_answered * 1000)


def show(name: str, figures: list[float]) -> None:
    columns = "".join(f"{percentile(figures, share):8.1f}" for share in (50, 95, 99, 100))
    print(f"{name:40}{columns}")


def percentile(figures: list[float], share: float) -> float:
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]


if __name__ == "__main__":
    sys.exit(main())
