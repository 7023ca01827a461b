"""Calls to the auth server: pooled connections, time-outs, further tries, and a breaker.

Sync and async callers go through the same rules (``_rules``), and only sending and waiting are done twice.
The transports are used without httpx's client: that one keeps cookies, and reads proxies and passwords from
the environment. Here nothing passes from one call to the next, no redirect is followed, nobody else is asked.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import ssl
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import cast
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import httpx
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from better_auth.auth_server.breaker import CircuitBreaker, CircuitOpen, Pass
from better_auth.conf import auth_settings
from better_auth.conf.resource_schema import AuthServerSettings
from better_auth.errors import AuthServerUnavailable
from better_auth.events import observe

logger = logging.getLogger("better_auth.auth_server")

DEFAULT_BASE_PATH = "/api/auth"
POOL_WAIT_SECONDS = 0.5
# Idle connections are closed by us before most servers would do it in the middle of our next call.
KEPT_ALIVE_SECONDS = 5.0
LONGEST_ANSWER = 1024 * 1024
FIRST_PAUSE_SECONDS = 0.05
# What stands before the server can't reach it.
TROUBLE = frozenset({502, 503, 504})
# A call that met one of these has not left this process.
NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout)
# No sign of the server's health: we ask more than we have connections for, or what HTTP can't say.
OUR_OWN_FAULT = (httpx.PoolTimeout, httpx.LocalProtocolError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """``operation`` names it in metrics; ``path`` is below the base path, or with ``is_from_root`` below the
    origin. ``is_repeatable``: nothing happens twice if it is sent twice. ``longest``: bytes of the answer
    that are read at most."""

    operation: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    is_from_root: bool = False
    is_repeatable: bool = False
    longest: int = LONGEST_ANSWER


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said, whatever its status. ``content`` as it came, not decompressed."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def is_trouble(self) -> bool:
        """A 503 that says when to come again is the server's own word; it works, and is to be left to it."""
        return self.status in TROUBLE and "Retry-After" not in self.headers


@dataclass(frozen=True, slots=True)
class Send:
    """Try it, within so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


class AnswerTooLong(httpx.TransportError):
    """More than the caller is ready to read."""


Outcome = Reply | httpx.TransportError | None
Rules = Generator[Send | Pause, Outcome, Reply]


class AuthServer:
    """One auth server, as one process sees it; for any number of threads and event loops."""

    def __init__(self, settings: AuthServerSettings) -> None:
        self._settings = settings
        self.base = base_of(settings.url or "")
        self.origin = "://".join(urlsplit(self.base)[:2])
        self.breaker = CircuitBreaker(
            failures=settings.breaker_failures,
            seconds=settings.breaker_seconds,
            probe_seconds=settings.timeout_ms / 1000 + POOL_WAIT_SECONDS,
        )
        self._lock = threading.Lock()
        self._transport: httpx.HTTPTransport | None = None
        # Connections belong to the event loop that has opened them.
        self._of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncHTTPTransport] = (
            WeakKeyDictionary()
        )

    def send(self, call: Call) -> Reply:
        """The answer, whatever its status. Raises ``AuthServerUnavailable`` where there is none."""
        rules = self._rules(call)
        outcome: Outcome = None
        try:
            while True:
                step = rules.send(outcome)
                if isinstance(step, Send):
                    outcome = self._try(call, step.seconds)
                else:
                    time.sleep(step.seconds)
                    outcome = None
        except StopIteration as end:
            reply: Reply = end.value
            return reply

    async def asend(self, call: Call) -> Reply:
        """As ``send``, on the running event loop."""
        rules = self._rules(call)
        outcome: Outcome = None
        try:
            while True:
                step = rules.send(outcome)
                if isinstance(step, Send):
                    outcome = await self._atry(call, step.seconds)
                else:
                    await asyncio.sleep(step.seconds)
                    outcome = None
        except StopIteration as end:
            reply: Reply = end.value
            return reply

    def _rules(self, call: Call) -> Rules:
        """What to do next, told what came of the last step."""
        until = time.monotonic() + self._settings.timeout_ms / 1000
        number, pause = 0, FIRST_PAUSE_SECONDS
        while True:
            outcome = yield from self._one_try(call, until)
            if isinstance(outcome, Reply) and not outcome.is_trouble:
                return outcome
            number += 1
            wait = random.uniform(0, pause)  # noqa: S311, spreads the tries of many
            may_repeat = call.is_repeatable or isinstance(outcome, NEVER_LEFT)
            if not may_repeat or number > self._settings.retries or time.monotonic() + wait >= until:
                break
            yield Pause(wait)
            pause *= 2
        if isinstance(outcome, Reply):
            return outcome
        raise AuthServerUnavailable from outcome

    def _one_try(
        self, call: Call, until: float
    ) -> Generator[Send | Pause, Outcome, Reply | httpx.TransportError]:
        try:
            granted = self.breaker.enter()
        except CircuitOpen as refusal:
            observe("auth_server_call", call.operation, "held_back")
            raise AuthServerUnavailable(retry_after=refusal.retry_after) from None
        begun = time.monotonic()
        outcome = yield Send(until - begun)
        if outcome is None:
            raise RuntimeError("a try comes to something")
        observe("auth_server_duration", call.operation, value=time.monotonic() - begun)
        if isinstance(outcome, OUR_OWN_FAULT):
            observe("auth_server_call", call.operation, "not_sent")
            raise AuthServerUnavailable from outcome
        self._judge(call, granted, outcome)
        return outcome

    def _judge(self, call: Call, granted: Pass, outcome: Reply | httpx.TransportError) -> None:
        """What the breaker is told."""
        if isinstance(outcome, Reply) and not outcome.is_trouble:
            observe("auth_server_call", call.operation, "answered")
            if self.breaker.succeeded(granted):
                logger.info("the auth server answers again")
            return
        observe("auth_server_call", call.operation, "failed")
        seconds = self.breaker.failed(granted)
        if seconds is not None:
            told = outcome.status if isinstance(outcome, Reply) else type(outcome).__name__
            logger.warning("the auth server fails (%s), and is left alone for %.1f s", told, seconds)

    def _try(self, call: Call, seconds: float) -> Reply | httpx.TransportError:
        until = time.monotonic() + seconds
        try:
            response = self._sync_transport().handle_request(self._request(call, seconds))
            try:
                content = _Gathered(call.longest, until)
                for piece in cast(httpx.SyncByteStream, response.stream):
                    content.add(piece)
            finally:
                response.close()
        except httpx.TransportError as fault:
            return fault
        return Reply(response.status_code, response.headers, content.joined())

    async def _atry(self, call: Call, seconds: float) -> Reply | httpx.TransportError:
        until = time.monotonic() + seconds
        try:
            async with asyncio.timeout(seconds):
                response = await self._async_transport().handle_async_request(self._request(call, seconds))
                try:
                    content = _Gathered(call.longest, until)
                    async for piece in cast(httpx.AsyncByteStream, response.stream):
                        content.add(piece)
                finally:
                    await response.aclose()
        except httpx.TransportError as fault:
            return fault
        except TimeoutError:
            return httpx.ReadTimeout("the answer comes too slowly")
        return Reply(response.status_code, response.headers, content.joined())

    def _request(self, call: Call, seconds: float) -> httpx.Request:
        connect = min(self._settings.connect_timeout_ms / 1000, seconds)
        timeout = httpx.Timeout(seconds, connect=connect, pool=min(POOL_WAIT_SECONDS, seconds))
        return httpx.Request(
            call.method,
            (self.origin if call.is_from_root else self.base) + call.path,
            headers={"Accept-Encoding": "identity", **call.headers},
            content=call.content,
            extensions={"timeout": timeout.as_dict()},
        )

    def _sync_transport(self) -> httpx.HTTPTransport:
        if self._transport is None:
            with self._lock:
                if self._transport is None:
                    self._transport = httpx.HTTPTransport(verify=self._verify, limits=self._limits)
        return self._transport

    def _async_transport(self) -> httpx.AsyncHTTPTransport:
        loop = asyncio.get_running_loop()
        transport = self._of_loops.get(loop)
        if transport is None:
            transport = httpx.AsyncHTTPTransport(verify=self._verify, limits=self._limits)
            self._of_loops[loop] = transport
        return transport

    @cached_property
    def _verify(self) -> ssl.SSLContext:
        """Certificates of ``SSL_CERT_FILE`` or ``SSL_CERT_DIR``, else those that browsers know."""
        return httpx.create_ssl_context()

    @cached_property
    def _limits(self) -> httpx.Limits:
        most = self._settings.max_connections
        return httpx.Limits(
            max_connections=most, max_keepalive_connections=most, keepalive_expiry=KEPT_ALIVE_SECONDS
        )


class _Gathered:
    """The pieces of an answer, within its bounds of length and time."""

    def __init__(self, longest: int, until: float) -> None:
        self._left, self._until = longest, until
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise AnswerTooLong("the answer is too long")
        if time.monotonic() > self._until:
            raise httpx.ReadTimeout("the answer comes too slowly")
        self._pieces.append(piece)

    def joined(self) -> bytes:
        return b"".join(self._pieces)


def base_of(url: str) -> str:
    """Where the endpoints are: ``url`` itself if it has a path, else the protocol's usual one below it."""
    bare = url.rstrip("/")
    return bare if urlsplit(bare).path else bare + DEFAULT_BASE_PATH


def auth_server() -> AuthServer:
    """The auth server of the settings. Raises ``ImproperlyConfigured`` where they name none."""
    settings = auth_settings.auth_server
    if not settings.url:
        raise ImproperlyConfigured("BETTER_AUTH['AUTH_SERVER']['URL'] is not set")
    return _server(settings)


def forget() -> None:
    """Begin anew: no connection, and no opinion of the server."""
    _server.cache_clear()


@lru_cache(maxsize=4)
def _server(settings: AuthServerSettings) -> AuthServer:
    return AuthServer(settings)


def _setting_changed(*, setting: str, **kwargs: object) -> None:
    if setting == "BETTER_AUTH":
        forget()


setting_changed.connect(_setting_changed, dispatch_uid="better_auth.auth_server")
if hasattr(os, "register_at_fork"):
    # Two processes on one connection would read each other's answers.
    os.register_at_fork(after_in_child=forget)
