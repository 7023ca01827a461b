"""A Redis of a test's own (Debian's package): killed, restored and stopped without harm to anybody else's."""

from __future__ import annotations

import contextlib
import random
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.server import wait_for

# Below the ports that the kernel gives to clients, so that it is free again for the next start.
PORTS = range(20_000, 30_000)


class OwnRedis:
    """``password``: that it asks for; ``client``: to look into it, and to do as an attacker may."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port, self.password = folder, port, secrets.token_hex(12)
        self.client: Any = redis.Redis(port=port, password=self.password, socket_timeout=30)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/3"

    def start(self) -> None:
        """Empty, or with what ``save`` has kept."""
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed: apt-get install redis-server")
        options = f"--port {self.port} --bind 127.0.0.1 --requirepass {self.password} --appendonly no"
        command = ["redis-server", *options.split(), "--save", "", "--dir", str(self.folder)]
        with (self.folder / "redis.log").open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._process = process

        def answers() -> bool:
            assert process.poll() is None, (self.folder / "redis.log").read_text()
            with contextlib.suppress(redis.RedisError):
                return bool(self.client.info("server")["process_id"] == process.pid)
            return False

        wait_for(answers, "Redis to answer")

    def save(self) -> None:
        self.client.save()

    def forget_saved(self) -> None:
        (self.folder / "dump.rdb").unlink(missing_ok=True)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """It hangs: takes connections, and says no word."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def lose_subscribers(self) -> int:
        """Cut the connections that listen, and no others; how many there were."""
        return int(self.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub"))

    def keys(self, pattern: str) -> list[bytes]:
        return list(redis.Redis(port=self.port, password=self.password, db=3).scan_iter(pattern))


def free_port() -> int:
    for _ in range(100):
        port = random.choice(PORTS)
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")
