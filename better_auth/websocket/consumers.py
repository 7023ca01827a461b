"""Consumers of Channels for hosts: who is there is known, and what they may do is declared.

    class Chat(AuthenticatedJsonConsumer):
        permissions = [HasVerifiedEmail()]

        async def receive_json(self, content, **kwargs):
            await self.send_json({"from": self.principal.user.name, **content})

They want ``BetterAuthMiddleware`` (or the resource server's) around them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from channels.generic.websocket import (
    AsyncJsonWebsocketConsumer,
    AsyncWebsocketConsumer,
    JsonWebsocketConsumer,
    WebsocketConsumer,
)

from better_auth.websocket import messages
from better_auth.websocket.closing import CloseCode
from better_auth.websocket.permissions import Permission, first_refusing
from better_auth.websocket.visits import Visit

# How Channels finds the handler: ``better_auth_changed``.
CHANGED = "better_auth.changed"


class _Known:
    """What sync and async consumers have in common."""

    permissions: Sequence[Permission] = ()
    scope: Any

    @property
    def visit(self) -> Visit:
        found: Visit = self.scope["better_auth"]
        return found

    @property
    def principal(self) -> Any:
        """As of now: of the last token, and with what became of the user since."""
        return self.visit.principal

    @property
    def user(self) -> Any:
        """The host's own user, as of its first use: in async code ``await self.load_user()`` before."""
        return self.scope["user"]

    def _turn_away(self, permission: Permission) -> None:
        told = messages.error(permission.code, permission.message)
        self.visit.close(CloseCode.POLICY, permission.code.lower(), told=told)


class _Async(_Known):
    async def websocket_connect(self, message: Any) -> None:
        self.visit.follow(CHANGED)
        refusing = await self.visit.find_refusing(self.permissions)
        if refusing is not None:
            self._turn_away(refusing)
            return
        await super().websocket_connect(message)  # type: ignore[misc]

    async def load_user(self) -> Any:
        """The host's own user, selected in a thread when this is first called."""
        return await self.visit.load_user()

    async def allows(self, *permissions: Permission) -> bool:
        """For a single message: whether all of these allow it, as of now."""
        return await self.visit.find_refusing(permissions) is None

    async def better_auth_changed(self, message: Any) -> None:
        self.scope["principal"] = self.principal
        refusing = await self.visit.find_refusing(self.permissions)
        if refusing is not None:
            self._turn_away(refusing)
        elif message["is_news"]:
            await self.session_changed()

    async def session_changed(self) -> None:
        """The user, the session or the token is another one; ``principal`` has it."""


class _Sync(_Known):
    def websocket_connect(self, message: Any) -> None:
        self.visit.follow(CHANGED)
        if not self._is_let_in():
            return
        super().websocket_connect(message)  # type: ignore[misc]

    def allows(self, *permissions: Permission) -> bool:
        """For a single message: whether all of these allow it, as of now."""
        return first_refusing(permissions, self.principal) is None

    def better_auth_changed(self, message: Any) -> None:
        self.scope["principal"] = self.principal
        if self._is_let_in() and message["is_news"]:
            self.session_changed()

    def session_changed(self) -> None:
        """The user, the session or the token is another one; ``principal`` has it."""

    def _is_let_in(self) -> bool:
        """In a thread of Channels'; sockets belong to the event loop."""
        visit = self.visit
        if not self.permissions:
            return True
        refusing = first_refusing(self.permissions, visit.principal)
        visit.on_loop(visit.watch_for, self.permissions)
        if refusing is not None:
            visit.on_loop(self._turn_away, refusing)
        return refusing is None


class AuthenticatedConsumer(_Async, AsyncWebsocketConsumer):  # type: ignore[misc]
    """Texts and bytes, on the event loop."""


class AuthenticatedJsonConsumer(_Async, AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """JSON, on the event loop. What is no JSON closes the socket with 4400."""

    async def receive(self, text_data: Any = None, bytes_data: Any = None, **kwargs: Any) -> None:
        try:
            content = await self.decode_json(text_data or "")
        except ValueError:
            self.visit.close(CloseCode.BAD_MESSAGE, "no JSON")
            return
        await self.receive_json(content, **kwargs)


class SyncAuthenticatedConsumer(_Sync, WebsocketConsumer):  # type: ignore[misc]
    """Texts and bytes, in a thread."""


class SyncAuthenticatedJsonConsumer(_Sync, JsonWebsocketConsumer):  # type: ignore[misc]
    """JSON, in a thread. What is no JSON closes the socket with 4400."""

    def receive(self, text_data: Any = None, bytes_data: Any = None, **kwargs: Any) -> None:
        try:
            content = self.decode_json(text_data or "")
        except ValueError:
            self.visit.on_loop(self.visit.close, CloseCode.BAD_MESSAGE, "no JSON")
            return
        self.receive_json(content, **kwargs)
