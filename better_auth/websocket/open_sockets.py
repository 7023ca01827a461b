"""The open sockets of this process: found by what they depend on, and looked after once in a while.

A *round* goes through all of them: heartbeats, ends of sessions, clients that do not read. What has changed
is asked of the authority for all that it concerns at once: a thousand sockets of one user cost one query.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.events import observe
from better_auth.storage.leases import Leases
from better_auth.websocket import messages
from better_auth.websocket.closing import CloseCode
from better_auth.websocket.connection import Connection, keep
from better_auth.websocket.identity import Authority, Identity, Verdict

ROUND_SECONDS = 0.5
# What is announced in one moment is looked up together.
GATHER_SECONDS = 0.02
# Before the end of a session or token, its client is told that it needs another one.
WARNING_SECONDS = 60
# A store that could not be asked is asked again.
PAUSE_SECONDS = 1.0

leases = Leases("sockets")


class OpenSockets:
    """Of one event loop."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self.loop = asyncio.get_running_loop()
        self._all: set[Connection] = set()
        self._by_name: dict[str, set[Connection]] = {}
        self._changed: dict[Connection, float] = {}
        self._by_word: set[Connection] = set()
        self._is_checking = False
        self._rounds: asyncio.Task[None] | None = None
        self._checked_at = self._renewed_at = time.monotonic()
        self.is_draining = False
        authority.listen(self._heard)

    def __len__(self) -> int:
        return len(self._all)

    def is_here(self) -> bool:
        return self.loop is asyncio.get_running_loop()

    def add(self, connection: Connection) -> None:
        """From its first moment on, whoever it may be."""
        self._all.add(connection)
        observe("sockets")
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.ensure_future(self._go_round())

    def know(self, connection: Connection, identity: Identity) -> None:
        """It is this user's from now on, or their next token's."""
        connection.warned = False
        self._set(connection, identity)

    def watch(self, connection: Connection, name: str) -> None:
        """It depends on something else, too."""
        if name not in connection.watched:
            connection.watched = (*connection.watched, name)
            self._by_name.setdefault(name, set()).add(connection)

    def remove(self, connection: Connection) -> None:
        if connection in self._all:
            self._all.discard(connection)
            observe("sockets", value=-1)
        self._changed.pop(connection, None)
        self._by_word.discard(connection)
        self._forget_names(connection)

    def check_soon(self, connections: Iterable[Connection], *, since: float, by_word: bool = False) -> None:
        """Ask what has become of these. ``by_word``: they were named, so they are told even where nothing
        that they show has changed."""
        for one in connections:
            if one.identity is not None:
                self._changed.setdefault(one, since)
                if by_word:
                    self._by_word.add(one)
        if self._changed and not self._is_checking:
            self._is_checking = True
            keep(asyncio.ensure_future(self._check_changed()))

    async def drain(self) -> None:
        """Ask every client to come back elsewhere, and wait until they are gone, for so long."""
        self.is_draining = True
        deadline = time.monotonic() + auth_settings.websocket.drain_seconds
        for connection in list(self._all):
            connection.end(CloseCode.RESTART, "restart", told=messages.ended("restart"))
        while self._all and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    # ---- what is announced

    def _heard(self, names: Iterable[str] | None) -> None:
        """In any thread. What nobody here depends on is passed over."""
        if not self._all:
            return
        known = None if names is None else [name for name in names if name in self._by_name]
        if known is None or known:
            self.loop.call_soon_threadsafe(self._take_note, known, time.monotonic())

    def _take_note(self, names: list[str] | None, since: float) -> None:
        if names is None:
            self.check_soon(list(self._all), since=since)
            return
        for name in names:
            # A user was named: it may be what no record shows, such as the password.
            by_word = name.startswith("user ") or name.startswith("organization ")
            self.check_soon(self._by_name.get(name, ()), since=since, by_word=by_word)

    async def _check_changed(self) -> None:
        try:
            while self._changed:
                await asyncio.sleep(GATHER_SECONDS)
                changed, self._changed = self._changed, {}
                told, self._by_word = self._by_word, set()
                try:
                    await self._check(changed, told)
                except Exception as fault:  # a database that is away fails in its driver's own ways
                    observe("socket_fault", type(fault).__name__)
                    await asyncio.sleep(PAUSE_SECONDS)
                    self._by_word |= told
                    self._changed = changed | self._changed
        finally:
            self._is_checking = False

    async def _check(self, changed: dict[Connection, float], told: set[Connection]) -> None:
        asked = [(one, one.identity) for one in changed if one in self._all and one.identity is not None]
        verdicts = await self._authority.recheck([identity for _, identity in asked])
        for (connection, before), verdict in zip(asked, verdicts, strict=True):
            if connection.identity is before and connection.ending is None:
                self._apply(connection, before, verdict, changed[connection], connection in told)

    def _apply(
        self, connection: Connection, before: Identity, verdict: Verdict, since: float, is_told: bool
    ) -> None:
        after = verdict.identity
        if after is None:
            code = CloseCode.EXPIRED if verdict.reason == "expired" else CloseCode.REVOKED
            connection.end(code, verdict.reason, told=messages.ended(verdict.reason))
            if code is CloseCode.REVOKED:
                observe("socket_revocation", value=time.monotonic() - since)
            return
        self._set(connection, after)
        is_news = is_told or (after.user, after.session) != (before.user, before.session)
        if is_news:
            connection.soon(messages.updated(after.user, after.session, after.good_until))
        if is_news or connection.is_guarded:
            connection.tell_application(is_news=is_news)

    def _set(self, connection: Connection, identity: Identity) -> None:
        self._forget_names(connection)
        connection.identity = identity
        for name in (*identity.names, *connection.watched):
            self._by_name.setdefault(name, set()).add(connection)

    def _forget_names(self, connection: Connection) -> None:
        before = connection.identity
        for name in (*(before.names if before else ()), *connection.watched):
            those = self._by_name.get(name, set())
            those.discard(connection)
            if not those:
                self._by_name.pop(name, None)

    # ---- the round

    async def _go_round(self) -> None:
        while self._all:
            await asyncio.sleep(ROUND_SECONDS)
            now, timestamp = time.monotonic(), clock.timestamp()
            for connection in list(self._all):
                self._look_after(connection, now, timestamp)
            await self._keep_up(now)

    def _look_after(self, connection: Connection, now: float, timestamp: float) -> None:
        rules, identity = auth_settings.websocket, connection.identity
        if connection.ending is not None:
            return
        if connection.writing_since and now - connection.writing_since > rules.send_seconds:
            connection.end(CloseCode.SLOW_READER, "read faster")
        elif identity is None:
            if now - connection.opened_at > rules.first_message_seconds:
                text = "No token came in time"
                told = messages.refused("AUTH_TIMEOUT", text)
                connection.end(CloseCode.UNAUTHORIZED, "no token came in time", told=told)
        elif identity.good_until is not None and identity.good_until <= timestamp:
            self._end_in_time(connection, identity, now)
        elif connection.asked_at:
            if now - connection.asked_at > rules.answer_seconds:
                connection.end(CloseCode.IDLE, "no heartbeat")
        elif rules.heartbeat_seconds and now - connection.heard_at > rules.heartbeat_seconds:
            connection.asked_at = now
            connection.soon(messages.PING)
        else:
            self._warn(connection, identity, timestamp)

    def _end_in_time(self, connection: Connection, identity: Identity, now: float) -> None:
        """A session may have been prolonged elsewhere; a token can't be."""
        if identity.is_renewable:
            self.check_soon([connection], since=now)
        else:
            connection.end(CloseCode.EXPIRED, "expired", told=messages.ended("expired"))

    def _warn(self, connection: Connection, identity: Identity, timestamp: float) -> None:
        until = identity.good_until
        if until is None or connection.warned or until - timestamp > WARNING_SECONDS:
            return
        connection.warned = True
        connection.soon(messages.expiring(until))

    async def _keep_up(self, now: float) -> None:
        rules = auth_settings.websocket
        if now - self._renewed_at > rules.lease_seconds / 3:
            self._renewed_at = now
            await self._authority.in_thread(lambda: leases.renew(seconds=rules.lease_seconds))
        if now - self._checked_at > self._authority.check_pause():
            self._checked_at = now
            self.check_soon(list(self._all), since=now)


_open: list[tuple[Authority, OpenSockets]] = []


def sockets_of(authority: Authority) -> OpenSockets:
    """Those of this process that this authority knows; of the running event loop."""
    found = next((sockets for one, sockets in _open if one is authority), None)
    if found is None or not found.is_here():
        _open[:] = [(one, sockets) for one, sockets in _open if one is not authority]
        found = OpenSockets(authority)
        _open.append((authority, found))
    return found


def all_open() -> list[OpenSockets]:
    return [sockets for _, sockets in _open]
