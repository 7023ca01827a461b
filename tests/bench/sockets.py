"""Sockets: what a handshake and an open one cost beside a bare consumer of Channels, and how soon a
revocation reaches a thousand.

    .venv/bin/python -m tests.bench.sockets [--handshakes 400] [--open 2000] [--revoked 1000]

DATABASE_URL names a PostgreSQL in which databases may be made, REDIS_URL a Redis. A handshake of ours counts
until ``auth.result`` is there, one of the bare consumer until the server has accepted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.server import RunningServer, new_email

APPLICATION = "tests.bench.socket_application:application"
AT_ONCE = 16
ROUNDS = 5
WANTED = {"without": 1.5, "with": 2.5}
WANTED_KB, WANTED_SECONDS = 50.0, 1.0
LOOSE = {
    "BETTER_AUTH_WEBSOCKET_MAX_PER_USER": "100000",
    "BETTER_AUTH_WEBSOCKET_MAX_PER_ADDRESS": "100000",
    "GRANIAN_BACKPRESSURE": "16384",
}


class Socket:
    """No more of RFC 6455 than the bench needs."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, url: str, path: str, cookie: str, *, origin: str, hears: bool) -> Socket:
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {address.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            f"Origin: {origin}",
            f"Cookie: {cookie}",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head[:20], head
        socket = cls(reader, writer)
        if hears:
            kind, content = await socket.frame()
            assert kind == 1, content
            assert b'"success":true' in content, content
        return socket

    async def frame(self) -> tuple[int, bytes]:
        first, length = await self.reader.readexactly(2)
        if length == 126:
            length = int.from_bytes(await self.reader.readexactly(2), "big")
        return first & 15, await self.reader.readexactly(length)

    async def until_closed(self) -> int:
        while True:
            kind, content = await self.frame()
            if kind == 8:
                return int.from_bytes(content[:2], "big")

    def drop(self) -> None:
        self.writer.transport.abort()


async def handshakes(server: RunningServer, path: str, cookie: str, count: int) -> float:
    """Seconds for each, ``AT_ONCE`` at a time."""
    todo = iter(range(count))

    async def go_on() -> None:
        for _ in todo:
            opened = Socket.open(server.urls[0], path, cookie, origin=server.origin, hears=path != "/bare")
            (await opened).drop()

    started = time.perf_counter()
    await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))
    return (time.perf_counter() - started) / count


async def open_many(
    server: RunningServer, path: str, cookie: str, count: int, *, process: int = 0
) -> list[Socket]:
    room = asyncio.Semaphore(AT_ONCE)

    async def open_one() -> Socket:
        async with room:
            url = server.urls[process]
            return await Socket.open(url, path, cookie, origin=server.origin, hears=path != "/bare")

    return await asyncio.gather(*(open_one() for _ in range(count)))


def resident_kb(server: RunningServer, process: int = 0) -> float:
    """Of the worker."""
    parent = server.processes[process].pid
    (worker,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[-1:]
    status = Path(f"/proc/{worker}/status").read_text()
    return float(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


async def measure_handshakes(server: RunningServer, count: int) -> dict[str, list[float]]:
    cookie = server.sign_up(new_email()).session_cookie
    paths = ("/bare", "/ws/auth/", "/own")
    for path in paths:
        await handshakes(server, path, cookie, 64)
    rounds: dict[str, list[float]] = {path: [] for path in paths}
    for number in range(ROUNDS):
        for path in paths if number % 2 else reversed(paths):
            rounds[path].append(await handshakes(server, path, cookie, count))
    return rounds


async def measure_memory(path: str, count: int) -> float:
    """KB for each, in a server of its own."""
    os.environ.pop("REDIS_URL", None)
    with RunningServer(application=APPLICATION, **LOOSE) as server:
        cookie = server.sign_up(new_email()).session_cookie
        await handshakes(server, path, cookie, 200)
        before = resident_kb(server)
        sockets = await open_many(server, path, cookie, count)
        await asyncio.sleep(3)
        used = (resident_kb(server) - before) / count
        for socket in sockets:
            socket.drop()
        return used


async def measure_revocation(server: RunningServer, count: int) -> float:
    """From asking for the sign-out until the last socket has its close frame."""
    cookie = server.sign_up(new_email()).session_cookie
    sockets = [
        *await open_many(server, "/ws/auth/", cookie, count // 2),
        *await open_many(server, "/ws/auth/", cookie, count // 2, process=1),
    ]
    closing = asyncio.gather(*(socket.until_closed() for socket in sockets))
    await asyncio.sleep(1)
    started = time.perf_counter()
    answer = await asyncio.to_thread(server.call, "POST", "/sign-out", {}, cookie=cookie)
    assert answer.status == 200, answer
    codes = await closing
    seconds = time.perf_counter() - started
    assert set(codes) == {4441}, set(codes)
    for socket in sockets:
        socket.drop()
    return seconds


def show(rounds: dict[str, list[float]], which: str) -> bool:
    bare = statistics.median(rounds["/bare"])
    is_reached = True
    for path, seconds in rounds.items():
        own = statistics.median(seconds)
        ratio, wanted = own / bare, WANTED[which]
        counts = path == "/ws/auth/"
        verdict = ("reached" if ratio <= wanted else "MISSED") if counts else ""
        is_reached &= ratio <= wanted or not counts
        print(f"handshake {which} Redis {path:10} {own * 1e6:8.0f} µs  x {ratio:.2f}  {verdict}", flush=True)
    return is_reached


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--handshakes", type=int, default=400)
    parser.add_argument("--open", type=int, default=2000)
    parser.add_argument("--revoked", type=int, default=1000)
    wanted: Any = parser.parse_args(arguments)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    redis_url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/12")
    os.environ.setdefault("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    reached = []
    for which in ("without", "with"):
        os.environ.pop("REDIS_URL", None)
        if which == "with":
            os.environ["REDIS_URL"] = redis_url
        processes = 2 if which == "with" else 1
        with RunningServer(processes=processes, application=APPLICATION, **LOOSE) as server:
            reached.append(show(asyncio.run(measure_handshakes(server, wanted.handshakes)), which))
            if which == "with":
                times = [asyncio.run(measure_revocation(server, wanted.revoked)) for _ in range(3)]
                reached.append(max(times) <= WANTED_SECONDS)
                shown = ", ".join(f"{one:.2f}" for one in times)
                print(f"revocation to {wanted.revoked} sockets in two processes: {shown} s", flush=True)
    used = {path: asyncio.run(measure_memory(path, wanted.open)) for path in ("/bare", "/ws/auth/", "/own")}
    for path, kilobytes in used.items():
        over = kilobytes - used["/bare"]
        print(f"{wanted.open} open at {path:10} {kilobytes:6.1f} KB each, {over:+.1f} over the bare one")
    reached.append(used["/ws/auth/"] - used["/bare"] < WANTED_KB)
    reached.append(used["/own"] - used["/bare"] < WANTED_KB)
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
