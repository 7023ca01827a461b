"""A client's visit from the door to the end: let in, listened to, and let in again with its next token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.utils.functional import SimpleLazyObject

from better_auth.conf import auth_settings
from better_auth.events import observe
from better_auth.websocket import handshake, messages
from better_auth.websocket.closing import CloseCode, Refused
from better_auth.websocket.connection import Connection, keep
from better_auth.websocket.handshake import Shown
from better_auth.websocket.identity import Authority, Identity
from better_auth.websocket.messages import Control
from better_auth.websocket.open_sockets import OpenSockets, leases
from better_auth.websocket.permissions import Permission, first_refusing

MOST_FAILED_TOKENS = 5
UNKNOWN_ADDRESS = "unknown-address"


class Left(Exception):
    """The client has gone, or was closed, before it was let in."""


class Visit:
    """What an application finds as ``scope["better_auth"]``."""

    __slots__ = ("_authority", "_shown", "_sockets", "_with_row", "connection")

    def __init__(
        self,
        connection: Connection,
        shown: Shown,
        *,
        sockets: OpenSockets,
        authority: Authority,
        with_row: bool,
    ) -> None:
        self.connection = connection
        self._shown, self._sockets, self._authority = shown, sockets, authority
        self._with_row = with_row

    @property
    def identity(self) -> Identity:
        """Of whom it is now: it changes with each token, and with what becomes of the user."""
        if self.connection.identity is None:
            raise RuntimeError("nobody is known yet")
        return self.connection.identity

    @property
    def principal(self) -> Any:
        return self.identity.principal

    async def load_user(self) -> Any:
        """``scope["user"]``, selected without the event loop waiting for it."""
        row = self.identity.row
        if isinstance(row, SimpleLazyObject):
            await self._authority.in_thread(lambda: bool(row))
        return row

    def close(self, code: int, reason: str = "", *, told: str | None = None) -> None:
        self.connection.end(code, reason, told=told)

    def watch(self, name: str) -> None:
        """Hear of this name's changes as well (``verified_sessions.forget_named``)."""
        self._sockets.watch(self.connection, name)

    def on_loop(self, act: Callable[..., None], *arguments: Any) -> None:
        """For code in a thread: sockets belong to the event loop."""
        self._sockets.loop.call_soon_threadsafe(act, *arguments)

    def follow(self, kind: str) -> None:
        """Send the application a message of this type whenever ``identity`` is another one (``is_news``), or
        is allowed something else perhaps."""
        self.connection.on_change = lambda is_news: {"type": kind, "is_news": is_news}

    async def find_refusing(self, permissions: Sequence[Permission]) -> Permission | None:
        """None where all of them allow it, else the first that does not; they may ask the database."""
        if not permissions:
            return None
        principal = self.principal
        self.watch_for(permissions)
        found: Permission | None = await self._authority.in_thread(
            lambda: first_refusing(permissions, principal)
        )
        return found

    def watch_for(self, permissions: Sequence[Permission]) -> None:
        self.connection.is_guarded = True
        for one in permissions:
            for name in one.watches(self.principal):
                self.watch(name)

    async def enter(self) -> Identity:
        """Raises ``Refused`` and ``Left``."""
        identity = await self._identify(self._shown)
        if identity is None:
            await self.connection.accept(self._shown.protocol)
            identity = await self._by_first_message()
        self._settle(identity)
        return identity

    async def obey(self, control: Control) -> None:
        """A message that is not the application's."""
        if control.kind == "ping":
            await self.connection.say(messages.PONG)
        elif control.kind == "auth":
            await self._change_token(control.token)

    def welcome(self) -> str:
        identity = self.identity
        return messages.accepted(
            user=identity.user,
            session=identity.session,
            good_until=identity.good_until,
            method=identity.method,
            heartbeat=auth_settings.websocket.heartbeat_seconds,
        )

    def leave(self) -> None:
        """What may block of it is done in the background."""
        connection, subjects = self.connection, self.connection.leased
        connection.is_gone = True
        self._sockets.remove(connection)
        if not subjects:
            return
        connection.leased = ()
        release = partial(leases.release, connection.holder, subjects)
        if leases.may_block():
            keep(asyncio.ensure_future(self._authority.in_thread(release)))
        else:
            release()

    async def _identify(self, shown: Shown) -> Identity | None:
        return await self._authority.identify(shown, with_row=self._with_row, lease=self._lease)

    def _settle(self, identity: Identity) -> None:
        self._sockets.know(self.connection, identity)
        if not self._authority.is_current(identity):  # it changed while it was looked up
            self._sockets.check_soon([self.connection], since=time.monotonic())

    def _lease(self, identity: Identity | None) -> None:
        """In the authority's thread. Raises ``Refused``."""
        rules, limits = auth_settings.websocket, dict[str, int]()
        address = f"address:{self._shown.address or UNKNOWN_ADDRESS}"
        if address not in self.connection.leased:
            limits[address] = rules.max_per_address
        if identity is not None:
            limits[f"user:{identity.user_id}"] = rules.max_per_user
        full = leases.acquire(self.connection.holder, limits, seconds=rules.lease_seconds)
        if full is not None:
            whose = full.partition(":")[0]
            text = f"Too many open connections of this {whose}"
            raise Refused(CloseCode.TOO_MANY_CONNECTIONS, f"TOO_MANY_CONNECTIONS_OF_{whose.upper()}", text)
        self.connection.leased = (*self.connection.leased, *limits)

    async def _by_first_message(self) -> Identity:
        while True:
            message = await self.connection.hear()
            if message["type"] == "websocket.disconnect":
                raise Left
            text = message.get("text")
            if text is None or messages.decode(text) is None:
                raise Refused(CloseCode.BAD_MESSAGE, "INVALID_MESSAGE", "A JSON object is expected")
            control = messages.read_first(text)
            if control is None:
                told = "The first message must be a token"
                raise Refused(CloseCode.UNAUTHORIZED, "AUTHENTICATION_REQUIRED", told)
            if control.kind == "auth":
                return await self._by_token(control.token)
            await self.obey(control)

    async def _by_token(self, token: str) -> Identity:
        """Raises ``Refused``."""
        token = token[: handshake.LONGEST_TOKEN]
        identity = await self._identify(replace(self._shown, token=token, any_kind=True)) if token else None
        if identity is None:
            raise Refused(CloseCode.UNAUTHORIZED, "INVALID_TOKEN", "Invalid token")
        return identity

    async def _change_token(self, token: str) -> None:
        """The next token of the same user; while it is no good, the last one goes on to count."""
        connection = self.connection
        shown = replace(self._shown, token=token[: handshake.LONGEST_TOKEN], any_kind=True)
        try:
            identity = (
                await self._authority.identify(shown, with_row=False, lease=_no_lease) if token else None
            )
            if identity is None:
                raise Refused(CloseCode.UNAUTHORIZED, "INVALID_TOKEN", "Invalid token")
            if identity.user_id != self.identity.user_id:
                raise Refused(CloseCode.POLICY, "ANOTHER_USER", "The token is another user's")
        except Refused as refusal:
            connection.failed_tokens += 1
            observe("socket_handshake", "again", refusal.code.lower())
            told = messages.refused(refusal.code, refusal.message)
            if connection.failed_tokens >= MOST_FAILED_TOKENS:
                connection.end(CloseCode.UNAUTHORIZED, "too many bad tokens", told=told)
            else:
                await connection.say(told)
            return
        connection.failed_tokens = 0
        self._settle(replace(identity, row=self.identity.row))
        observe("socket_handshake", "again", "accepted")
        await connection.say(self.welcome())
        connection.tell_application(is_news=True)


def _no_lease(identity: Identity | None) -> None:
    """It has one."""
