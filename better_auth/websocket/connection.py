"""One open socket: what comes in and goes out, its limits, and its end.

Everything here happens on the event loop, and nothing waits for another socket.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from better_auth.conf import auth_settings
from better_auth.events import observe
from better_auth.websocket import messages
from better_auth.websocket.closing import CloseCode, Ending
from better_auth.websocket.handshake import Scope, Shown
from better_auth.websocket.identity import Identity

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Message = dict[str, Any]

# Messages that wait for the application; beyond that nothing more is read from the client.
INBOX = 64
# To write the last words, to hear the client close as well, and for the application to end.
FAREWELL_SECONDS = 2.0
APPLICATION_SECONDS = 5.0
UNTOLD, LOST = 1005, 1006
_process = f"{os.getpid():x}{secrets.token_hex(4)}"
_numbers = itertools.count()


class Connection:
    """``protocol``: selected where it is closed at once; ``holder``: its name among the leases, ``leased``:
    its subjects; ``identity``: None until it is known; ``watched``: names of what it depends on beside that
    (``open_sockets``); ``is_guarded``: its application asks for permissions; ``on_change``: what that is told
    when something has changed.

    ``heard_at``, ``asked_at`` (of the heartbeat) and ``writing_since`` are of ``time.monotonic()``, or 0.
    """

    __slots__ = (
        "_allowance",
        "_budget_at",
        "_inbox",
        "_lock",
        "_receive",
        "_send",
        "asked_at",
        "ending",
        "failed_tokens",
        "heard_at",
        "holder",
        "identity",
        "is_accepted",
        "is_gone",
        "is_guarded",
        "leased",
        "on_change",
        "opened_at",
        "protocol",
        "task",
        "warned",
        "watched",
        "writing_since",
    )

    def __init__(self, receive: Receive, send: Send) -> None:
        now = time.monotonic()
        self._receive, self._send = receive, send
        self._lock: asyncio.Lock | None = None
        self._inbox: asyncio.Queue[Message] | None = None
        self._allowance, self._budget_at = float(auth_settings.websocket.max_messages), now
        self.holder = f"{_process}.{next(_numbers):x}"
        self.leased: tuple[str, ...] = ()
        self.identity: Identity | None = None
        self.is_accepted = self.is_gone = self.warned = self.is_guarded = False
        self.opened_at = self.heard_at = now
        self.asked_at = self.writing_since = 0.0
        self.failed_tokens = 0
        self.protocol: str | None = None
        self.watched: tuple[str, ...] = ()
        self.ending: Ending | None = None
        self.on_change: Callable[[bool], Message] | None = None
        self.task: asyncio.Task[Any] | None = None

    def is_over(self) -> bool:
        """Nothing more is to be sent to it."""
        return self.is_gone or self.ending is not None

    # ---- out

    async def accept(self, protocol: str | None = None, headers: Any = ()) -> None:
        if self.is_accepted or self.is_gone:
            return
        self.is_accepted = True
        await self._send({"type": "websocket.accept", "subprotocol": protocol, "headers": list(headers)})

    async def say(self, text: str) -> None:
        """Send a text; whoever does not read it in time is closed by the round (``open_sockets``)."""
        await self.write({"type": "websocket.send", "text": text})

    async def write(self, message: Message) -> None:
        """One message after the other: a server need not expect two at once."""
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            if self.is_over():
                return
            self.writing_since = time.monotonic()
            try:
                await self._send(message)
            except (OSError, RuntimeError):  # the client is gone, as ``receive`` will say
                self.is_gone = True
            finally:
                self.writing_since = 0.0

    def soon(self, text: str) -> None:
        """Say this when there is time; a client that is not reading already is spared."""
        if not self.writing_since and not self.is_over():
            keep(asyncio.ensure_future(self.say(text)))

    # ---- the end

    def end(self, code: int, reason: str = "", *, told: str | None = None) -> None:
        """Close it, whatever it is doing; only the first reason counts.

        The connection's own task says the farewell: granian can't close while somebody waits to receive.
        """
        if not self.is_over():
            self.ending = Ending(code, reason, told)
            if self.task is not None:
                self.task.cancel()

    async def say_farewell(self) -> None:
        """In the connection's own task, once; then hear the client close as well, for a moment."""
        ending = self.ending
        if ending is None or self.is_gone:
            return
        try:
            await asyncio.wait_for(self._send_farewell(ending), FAREWELL_SECONDS)
            await asyncio.wait_for(self._hear_farewell(), FAREWELL_SECONDS)
        except (TimeoutError, OSError, RuntimeError):  # it does not read, or has gone
            pass
        finally:
            self.is_gone = True

    async def _send_farewell(self, ending: Ending) -> None:
        if not self.is_accepted:
            self.is_accepted = True
            # A browser that has offered protocols fails where none of them is selected.
            await self._send({"type": "websocket.accept", "subprotocol": self.protocol, "headers": []})
        if ending.told:
            await self._send({"type": "websocket.send", "text": ending.told})
        await self._send({"type": "websocket.close", "code": int(ending.code), "reason": ending.reason})

    async def _hear_farewell(self) -> None:
        while (await self._receive())["type"] != "websocket.disconnect":
            pass

    # ---- in

    async def hear(self) -> Message:
        """The next text or bytes within the limits, or the end: ``websocket.disconnect`` with its code."""
        while True:
            try:
                message = await self._receive()
            except asyncio.CancelledError:
                if self.ending is None:
                    raise
                await self.say_farewell()
                return {"type": "websocket.disconnect", "code": int(self.ending.code)}
            if message["type"] == "websocket.disconnect":
                self.is_gone = True
                return {"type": "websocket.disconnect", "code": int(message.get("code") or UNTOLD)}
            if self.is_over() or message["type"] != "websocket.receive":
                continue
            self.heard_at, self.asked_at = time.monotonic(), 0.0
            if self._is_within_limits(message):
                return message

    def _is_within_limits(self, message: Message) -> bool:
        rules = auth_settings.websocket
        content = message.get("text")
        length = len(message.get("bytes") or b"") if content is None else _length(content)
        if length > rules.max_message_bytes:
            self.end(CloseCode.TOO_LARGE, f"at most {rules.max_message_bytes} bytes")
            return False
        passed, self._budget_at = self.heard_at - self._budget_at, self.heard_at
        earned = passed * rules.max_messages / rules.messages_window
        self._allowance = min(float(rules.max_messages), self._allowance + earned) - 1
        if self._allowance < 0:
            self.end(CloseCode.TOO_MANY_MESSAGES, "slow down")
            return False
        return True

    # ---- the application behind it

    async def run(self, application: Any, scope: Scope, shown: Shown, welcome: Callable[[], str]) -> None:
        """Until both are done: the application, and the client."""
        inbox = self._inbox = asyncio.Queue(INBOX)
        inbox.put_nowait({"type": "websocket.connect"})
        send = self._sender(shown, welcome)
        running = asyncio.ensure_future(application(scope, inbox.get, send))
        try:
            running.add_done_callback(self._application_done)
            while True:
                message = await self.hear()
                text = message.get("text")
                control = messages.read_control(text) if text else None
                if control is not None:
                    await scope["better_auth"].obey(control)
                else:
                    await inbox.put(message)
                if message["type"] == "websocket.disconnect":
                    break
            await asyncio.wait({running}, timeout=APPLICATION_SECONDS)
        except asyncio.CancelledError:
            if self.ending is None:
                raise
            await self.say_farewell()
        finally:
            self.is_gone = True
            if not running.done():
                await self._end_application(running, inbox)
            if not running.cancelled():
                running.result()

    async def _end_application(self, running: asyncio.Future[Any], inbox: asyncio.Queue[Message]) -> None:
        with suppress(asyncio.QueueFull):
            code = self.ending.code if self.ending else LOST
            inbox.put_nowait({"type": "websocket.disconnect", "code": code})
        if not self.writing_since:  # else it waits for a client that does not read
            await asyncio.wait({running}, timeout=APPLICATION_SECONDS)
        running.cancel()
        await asyncio.wait({running}, timeout=APPLICATION_SECONDS)

    def _application_done(self, running: asyncio.Future[Any]) -> None:
        if not self.is_gone:
            failed = not running.cancelled() and running.exception() is not None
            self.end(1011 if failed else 1000)

    def _sender(self, shown: Shown, welcome: Callable[[], str]) -> Send:
        """What the application sends: its acceptance comes with ours."""

        async def send(message: Message) -> None:
            if message["type"] == "websocket.accept":
                if not self.is_accepted:
                    await self.accept(
                        shown.protocol or message.get("subprotocol"), message.get("headers") or ()
                    )
                    await self.say(welcome())
            elif message["type"] == "websocket.close":
                is_refusal = not self.is_accepted
                code = message.get("code") or (CloseCode.POLICY if is_refusal else 1000)
                self.end(code, message.get("reason") or "")
            else:
                await self.write(message)

        return send

    def tell_application(self, *, is_news: bool) -> None:
        """Who it is has changed, or may be allowed something else than before."""
        if self._inbox is not None and self.on_change is not None:
            with suppress(asyncio.QueueFull):
                self._inbox.put_nowait(self.on_change(is_news))


_kept: set[asyncio.Future[Any]] = set()


def keep(task: asyncio.Future[Any]) -> None:
    """A task that nobody waits for must be held by somebody."""
    _kept.add(task)
    task.add_done_callback(_drop)


def _drop(task: asyncio.Future[Any]) -> None:
    _kept.discard(task)
    if not task.cancelled() and task.exception() is not None:
        observe("socket_fault", type(task.exception()).__name__)


def _length(text: str) -> int:
    """In bytes; a short text is not encoded to learn it."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
