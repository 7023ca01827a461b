"""``AsyncAuthClient``: for event loops; the twin of ``AuthClient``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from types import TracebackType
from typing import Any, Self

import httpx

from better_auth.client import exchange
from better_auth.client.errors import NotSignedIn
from better_auth.client.exchange import Question
from better_auth.client.holding import Holding, OnChange
from better_auth.client.tokens import Tokens


class AsyncAuthClient(Holding):
    """One signed-in caller, for any number of tasks of one event loop.

    ``server``: its origin; ``tokens``: to go on with those of an earlier run; ``on_change``: told of each new
    pair, so that it can be kept, and None once there is none; ``timeout`` in seconds, for each wait. Every
    method raises ``AuthError``.
    """

    def __init__(
        self,
        server: str,
        *,
        base_path: str = "/api/auth",
        tokens: Tokens | None = None,
        on_change: OnChange | None = None,
        timeout: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(tokens, on_change)
        self._base_path = base_path
        self._lock = asyncio.Lock()
        self._http = httpx.AsyncClient(transport=transport, **exchange.options(server, timeout))
        self.auth: httpx.Auth = _Bearer(self)

    async def sign_in(self, email: str, password: str) -> Tokens:
        """By password. Raises ``InvalidCredentials``, ``SignInChallenged``, ``TooManyRequests``."""
        return self._hold(exchange.tokens_in(await self._ask(exchange.sign_in(email, password))))

    async def refresh(self) -> Tokens:
        """Replace the tokens now. Raises ``NotSignedIn`` where the refresh token is good no more."""
        return await self.refresh_after(self._tokens)

    async def refresh_after(self, seen: Tokens | None) -> Tokens:
        """The same, unless another task has done so since ``seen``: of many that find a token over, one
        refreshes it."""
        async with self._lock:
            if self._tokens is not None and self._tokens is not seen:
                return self._tokens
            question = exchange.refresh(self._tokens)
            try:
                return self._hold(exchange.tokens_in(await self._ask(question)))
            except NotSignedIn:
                self._forget()
                raise

    async def sign_out(self) -> None:
        """End the tokens at the server, and the session that was made for them."""
        async with self._lock:
            if self._tokens is not None and self._tokens.refresh_token is not None:
                exchange.read(await self._ask(exchange.sign_out(self._tokens.refresh_token)))
            self._forget()

    async def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Call with the access token, which is refreshed before its end, or once when the answer is 401.

        ``url`` may be a path of the auth server itself; ``options`` are those of httpx. The token goes to
        whatever server is named. Answers of any status are returned, and httpx's own errors are raised as
        they are.
        """
        return await self._http.request(method, url, auth=self.auth, **options)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _ask(self, question: Question) -> httpx.Response:
        try:
            return await self._http.post(self._base_path + question.path, json=question.body)
        except httpx.TransportError as fault:
            raise exchange.silence(fault) from fault


class _Bearer(httpx.Auth):
    """``httpx.AsyncClient(auth=auth_client.auth)`` calls with the tokens, too."""

    def __init__(self, client: AsyncAuthClient) -> None:
        self._client = client

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """What the other kind of httpx client would take: never send a call without its token."""
        raise TypeError("AsyncAuthClient.auth is for httpx.AsyncClient")

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        tokens = self._client.tokens
        if tokens is None:
            raise NotSignedIn("there is no token; sign in first")
        if tokens.is_due:
            tokens = await self._client.refresh_after(tokens)
        request.headers["Authorization"] = f"Bearer {tokens.access_token}"
        can_repeat = tokens.refresh_token is not None and exchange.is_replayable(request)
        response = yield request
        if response.status_code == 401 and can_repeat:
            tokens = await self._client.refresh_after(tokens)
            request.headers["Authorization"] = f"Bearer {tokens.access_token}"
            yield request
