"""A legacy system for tests: a process of its own that answers on loopback, well or ill as it is told.

    with LegacySystem.started() as legacy:
        legacy.add("u-1", "ann@example.org", "old password")
        legacy.behave("hang")
        legacy.calls    # what it was asked, without passwords

Run as a script it is that process; it imports nothing of the project's.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import hmac
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "a-secret-of-the-legacy-system-0123456789"


class State:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self.calls: list[dict[str, str]] = []
        self.behaviour, self.visits, self.delay = "answer", 0, 0.0


state = State()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Quiet: a log of this process is nobody's to read."""

    def do_GET(self) -> None:
        if self.path == "/elsewhere":
            state.visits += 1
        told = {"calls": state.calls, "visits": state.visits}
        self._reply(json.dumps(told).encode(), signed=False)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/control":
            self._obey(json.loads(body))
            return
        if self.path == "/elsewhere":
            state.visits += 1
        wanted = f"{self.headers['X-Migration-Timestamp']}.{self.headers['X-Migration-Nonce']}."
        if not hmac.compare_digest(sign(wanted.encode() + body), self.headers["X-Migration-Signature"]):
            self.send_error(403)
            return
        question = json.loads(body)
        with state.lock:
            state.calls.append({"action": question["action"], "email": question["email"]})
            behaviour = state.behaviour
        time.sleep(state.delay)
        getattr(self, f"_{behaviour}")(question)

    def _obey(self, told: dict[str, Any]) -> None:
        with state.lock:
            if told.get("clear"):
                state.clear()
            state.people.update(told.get("people", {}))
            state.behaviour = told.get("behaviour", state.behaviour)
            state.delay = told.get("delay", state.delay)
        self._reply(b"{}", signed=False)

    # --- behaviours ---

    def _answer(self, question: dict[str, Any]) -> None:
        self._reply(json.dumps(verdict(question)).encode())

    def _hang(self, question: dict[str, Any]) -> None:
        while state.behaviour == "hang":
            time.sleep(0.02)

    def _drip(self, question: dict[str, Any]) -> None:
        self.send_response(200)
        self.end_headers()
        while state.behaviour == "drip":
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.1)

    def _html(self, question: dict[str, Any]) -> None:
        self._reply(b"<!doctype html><title>Log in</title>", kind="text/html")

    def _error(self, question: dict[str, Any]) -> None:
        self.send_error(500)

    def _forbidden(self, question: dict[str, Any]) -> None:
        self.send_error(403)

    def _silence(self, question: dict[str, Any]) -> None:
        self.close_connection = True
        self.connection.close()

    def _word(self, question: dict[str, Any]) -> None:
        self._reply(b'"no"')

    def _truthy(self, question: dict[str, Any]) -> None:
        self._reply(json.dumps({"verified": "yes", "found": 1, "user": record(question)}).encode())

    def _no_with_record(self, question: dict[str, Any]) -> None:
        self._reply(json.dumps({"verified": False, "found": False, "user": record(question)}).encode())

    def _no_record(self, question: dict[str, Any]) -> None:
        self._reply(b'{"verified": true, "found": true}')

    def _deep(self, question: dict[str, Any]) -> None:
        self._reply(b'{"verified": true, "found": true, "user": ' + b"[" * 30_000 + b"]" * 30_000 + b"}")

    def _huge(self, question: dict[str, Any]) -> None:
        self._reply(json.dumps({**verdict(question), "more": "x" * 1_000_000}).encode())

    def _bomb(self, question: dict[str, Any]) -> None:
        self._reply(gzip.compress(json.dumps(verdict(question)).encode()), encoding="gzip")

    def _unsigned(self, question: dict[str, Any]) -> None:
        self._reply(json.dumps(verdict(question)).encode(), signed=False)

    def _replayed(self, question: dict[str, Any]) -> None:
        """Signed, but for another question."""
        self._reply(json.dumps(verdict(question)).encode(), nonce="0" * 32)

    def _redirect(self, question: dict[str, Any]) -> None:
        self.send_response(307)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere")
        self.end_headers()

    def _another_id(self, question: dict[str, Any]) -> None:
        told = {**record(question), "external_id": "another-person"}
        self._reply(json.dumps({"verified": True, "found": True, "user": told}).encode())

    def _another_address(self, question: dict[str, Any]) -> None:
        told = {**record(question), "email": "owner@example.org"}
        self._reply(json.dumps({"verified": True, "found": True, "user": told}).encode())

    def _nonsense_record(self, question: dict[str, Any]) -> None:
        told = {"external_id": ["x"], "email": question["email"], "created_at": "yesterday"}
        self._reply(json.dumps({"verified": True, "found": True, "user": told}).encode())

    def _reply(
        self,
        content: bytes,
        *,
        signed: bool = True,
        kind: str = "application/json",
        encoding: str = "",
        nonce: str = "",
    ) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if encoding:
            self.send_header("Content-Encoding", encoding)
        if signed:
            asked = nonce or self.headers["X-Migration-Nonce"]
            self.send_header("X-Migration-Signature", sign(f"{asked}.".encode() + content))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(content)


def sign(message: bytes) -> str:
    return hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()


def record(question: dict[str, Any]) -> dict[str, Any]:
    person = state.people.get(question["email"], {"external_id": "made-up", "email": question["email"]})
    return {name: value for name, value in person.items() if name != "password"}


def verdict(question: dict[str, Any]) -> dict[str, Any]:
    person = state.people.get(question["email"])
    word = "verified" if question["action"] == "verify" else "found"
    is_right = person is not None and (word == "found" or person["password"] == question.get("password"))
    return {word: True, "user": record(question)} if is_right else {word: False}


@dataclass(frozen=True)
class LegacySystem:
    """The process, seen from the tests."""

    base: str

    @classmethod
    @contextlib.contextmanager
    def started(cls, port: int = 0) -> Iterator[LegacySystem]:
        """``port``: of one that was there before and is gone."""
        command = [sys.executable, __file__, str(port)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield cls(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    @property
    def url(self) -> str:
        return f"{self.base}/auth"

    def add(self, external_id: str, email: str, password: str, **more: Any) -> None:
        person = {"external_id": external_id, "email": email, "name": "Ida", "password": password, **more}
        self._control(people={email.lower(): person})

    def behave(self, behaviour: str, *, delay: float = 0.0) -> None:
        self._control(behaviour=behaviour, delay=delay)

    def clear(self) -> None:
        self._control(clear=True)

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Action and address, in the order that they came."""
        return [(one["action"], one["email"]) for one in self._told()["calls"]]

    @property
    def visits(self) -> int:
        """How often somebody followed a redirect."""
        return int(self._told()["visits"])

    def _control(self, **told: Any) -> None:
        request = urllib.request.Request(f"{self.base}/control", json.dumps(told).encode())  # noqa: S310
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310

    def _told(self) -> Any:
        with urllib.request.urlopen(f"{self.base}/state", timeout=30) as answer:  # noqa: S310
            return json.load(answer)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
