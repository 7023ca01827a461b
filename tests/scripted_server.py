"""A real HTTP server on loopback that answers as a test tells it, and remembers what it was asked.

with ScriptedServer() as server:
    server.answer("/api/auth/ok", 200, b"{}")
    server.answer("/api/auth/introspect", lambda request: (200, b'{"active": false}'))
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Told:
    """An answer: ``seconds`` before it, and between the pieces of a body that is a list; ``headers`` as pairs
    where one comes more than once."""

    status: int = 200
    body: bytes | list[bytes] = b""
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    seconds: float = 0


class HangUp:
    """Reset the connection instead of answering."""


Script = Callable[[Asked], Told | HangUp]


class ScriptedServer:
    """``stop`` and ``start`` keep the port: a server that dies and comes back."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self._scripts: dict[str, Script] = {}
        self._port = 0
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> ScriptedServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def count(self, path: str) -> int:
        return sum(one.path == path for one in self.asked)

    def answer(self, path: str, script: Script | int, body: bytes = b"", **headers: str) -> None:
        """From now on; headers with underscores for hyphens."""
        if callable(script):
            self._scripts[path] = script
        else:
            named = {name.replace("_", "-"): text for name, text in headers.items()}
            self._scripts[path] = lambda _: Told(script, body, named)

    def start(self) -> None:
        server = _Server(("127.0.0.1", self._port), self._handler())
        self._port, self._server = server.server_address[1], server
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.hang_up_on_all()  # type: ignore[attr-defined]
            self._server = None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                script.connections += 1

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
                script.asked.append(asked)
                told = script._scripts.get(self.path, lambda _: Told(404))(asked)
                if isinstance(told, HangUp):
                    _reset(self.connection)
                    self.close_connection = True
                    return
                pieces = told.body if isinstance(told.body, list) else [told.body]
                time.sleep(told.seconds)
                with suppress(OSError):
                    self._send(told, pieces)

            def _send(self, told: Told, pieces: list[bytes]) -> None:
                self.send_response(told.status)
                pairs = told.headers.items() if isinstance(told.headers, Mapping) else told.headers
                for name, text in pairs:
                    self.send_header(name, text)
                self.send_header("Content-Length", str(sum(map(len, pieces))))
                self.end_headers()
                for number, piece in enumerate(pieces):
                    time.sleep(told.seconds if number else 0)
                    self.wfile.write(piece)

            do_GET = do_POST = _answer

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is said."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *arguments: Any) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that was cut is what some tests are about."""

    def hang_up_on_all(self) -> None:
        for one in list(self.open):
            with suppress(OSError):
                _reset(one)


def _reset(connection: socket.socket) -> None:
    """With RST, as a killed process leaves it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()
