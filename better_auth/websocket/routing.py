"""The sockets at ``/ws`` and ``/ws/auth/``, for front ends that follow what becomes of their session."""

from __future__ import annotations

from typing import Any

from better_auth.websocket.closing import CloseCode
from better_auth.websocket.middleware import BetterAuthMiddleware

PATHS = ("/ws", "/ws/", "/ws/auth", "/ws/auth/")
_door = BetterAuthMiddleware()


async def session_sockets(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application for WebSockets; any other path is closed with 4404."""
    if scope["path"] in PATHS:
        await _door(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    await send({"type": "websocket.close", "code": int(CloseCode.NOT_FOUND), "reason": "no such path"})
    while (await receive())["type"] != "websocket.disconnect":
        pass
