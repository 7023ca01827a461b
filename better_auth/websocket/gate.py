"""The door: an ASGI application before another, or before none."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from better_auth.events import observe
from better_auth.paced_log import PacedLog
from better_auth.websocket import handshake, messages, metrics
from better_auth.websocket.closing import CloseCode, Refused
from better_auth.websocket.connection import Connection
from better_auth.websocket.handshake import Scope, Shown
from better_auth.websocket.identity import Authority, Identity
from better_auth.websocket.open_sockets import OpenSockets, sockets_of
from better_auth.websocket.visits import Left, Visit

log = PacedLog(logging.getLogger("better_auth.websocket"))


class Gate:
    """An ASGI application before another: nobody reaches it whom the authority does not know.

    Without an application behind it, the client is told what happens to its session, and nothing else.
    """

    authority: Authority

    def __init__(self, application: Any = None) -> None:
        self.application = application
        metrics.connect()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            if self.application is None:
                raise ValueError(f"nothing is served here but WebSockets, and this is {scope['type']}")
            await self.application(scope, receive, send)
            return
        task = asyncio.ensure_future(self._serve(scope, receive, send))
        try:
            await task
        finally:
            task.cancel()

    async def _serve(self, scope: Scope, receive: Any, send: Any) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        connection, sockets = Connection(receive, send), sockets_of(self.authority)
        connection.task = asyncio.current_task()
        shown = handshake.read(scope)
        connection.protocol = shown.protocol
        visit = Visit(
            connection,
            shown,
            sockets=sockets,
            authority=self.authority,
            with_row=self.application is not None,
        )
        sockets.add(connection)
        try:
            await self._receive_visitor(visit, scope, shown, sockets)
        except asyncio.CancelledError:
            if connection.ending is None:
                raise
            await connection.say_farewell()
        finally:
            self._note_end(connection, shown)
            visit.leave()

    async def _receive_visitor(self, visit: Visit, scope: Scope, shown: Shown, sockets: OpenSockets) -> None:
        connection = visit.connection
        try:
            if sockets.is_draining:
                raise Refused(CloseCode.RESTART, "RESTART", "The server restarts: come back in a moment")
            identity = await self._enter(visit)
        except Left:
            observe("socket_handshake", "none", "left")
            return
        except Refused as refusal:
            observe("socket_handshake", "none", refusal.code.lower())
            self.authority.note_refusal(shown, refusal)
            told = messages.refused(refusal.code, refusal.message)
            connection.end(refusal.close, refusal.message[:100], told=told)
            await _hear_out(connection)
            return
        observe("socket_handshake", identity.method, "accepted")
        self.authority.note_opening(shown, identity)
        if self.application is not None:
            inner = {
                **handshake.without_secrets(scope),
                "principal": identity.principal,
                "better_auth": visit,
            }
            inner["user"] = identity.row
            if connection.is_accepted:
                await connection.say(visit.welcome())
            await connection.run(self.application, inner, shown, visit.welcome)
            return
        await connection.accept(shown.protocol)
        await connection.say(visit.welcome())
        await _listen(visit)

    async def _enter(self, visit: Visit) -> Identity:
        """Raises ``Refused`` and ``Left``."""
        try:
            return await visit.enter()
        except (Refused, Left):
            raise
        except Exception as fault:  # a database that is away fails in its driver's own ways
            observe("socket_fault", type(fault).__name__)
            log.say(logging.ERROR, "a socket's client could not be identified: %s", type(fault).__name__)
            text = "Nobody can tell at the moment who you are"
            raise Refused(CloseCode.UNAVAILABLE, "SERVICE_UNAVAILABLE", text) from fault

    def _note_end(self, connection: Connection, shown: Shown) -> None:
        ending = connection.ending
        observe("socket_close", str(int(ending.code)) if ending else "client")
        if connection.identity is not None:
            self.authority.note_closing(shown, connection.identity, ending)


async def _listen(visit: Visit) -> None:
    """To a client that has nothing to say but who it is."""
    while True:
        message = await visit.connection.hear()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        control = messages.read_control(text) if text else None
        if control is not None:
            await visit.obey(control)
        elif text is None or messages.decode(text) is None:
            visit.close(CloseCode.BAD_MESSAGE, "no JSON object")
        else:
            await visit.connection.say(messages.error("UNKNOWN_MESSAGE", "Unknown type of message"))


async def _hear_out(connection: Connection) -> None:
    while (await connection.hear())["type"] != "websocket.disconnect":
        pass
