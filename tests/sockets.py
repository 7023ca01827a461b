"""WebSockets of tests, by the client of the ``websockets`` project.

with Socket(server, cookie=cookie) as socket:
    assert socket.hear()["success"]
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

PATIENCE = 60.0


class Socket:
    """To one process of a server. ``closed`` waits for the end, and has its code and reason."""

    def __init__(
        self,
        url: str,
        path: str = "/ws/auth/",
        *,
        cookie: str = "",
        origin: str | None = None,
        protocols: tuple[str, ...] = (),
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> None:
        sent = {**({"Cookie": cookie} if cookie else {}), **(headers or {})}
        self._stack = ExitStack()
        opening = connect(
            url.replace("http", "ws", 1) + path,
            origin=origin,  # type: ignore[arg-type]
            subprotocols=[Subprotocol(one) for one in protocols] or None,
            additional_headers=sent,
            open_timeout=PATIENCE,
            close_timeout=5,
            ping_interval=None,
            compression=None,
            **options,
        )
        self.connection: ClientConnection = self._stack.enter_context(opening)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def say(self, message: Any) -> None:
        is_raw = isinstance(message, str | bytes)
        self.connection.send(message if is_raw else json.dumps(message))

    def hear(self, kind: str | None = None, *, seconds: float = PATIENCE) -> Any:
        """The next message, or the next of a kind."""
        deadline = time.monotonic() + seconds
        while True:
            message = json.loads(self.connection.recv(max(0.01, deadline - time.monotonic())))
            if kind is None or message["type"] == kind:
                return message

    def closed(self, *, seconds: float = PATIENCE) -> tuple[int, str]:
        """Code and reason, whatever is said before."""
        deadline = time.monotonic() + seconds
        self.last_words: list[Any] = []
        while True:
            try:
                said = self.connection.recv(max(0.01, deadline - time.monotonic()))
                self.last_words.append(json.loads(said))
            except ConnectionClosed as end:
                return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "")

    def is_open(self) -> bool:
        """It answers."""
        try:
            self.say({"type": "ping"})
            self.hear("pong")
        except ConnectionClosed:
            return False
        return True
