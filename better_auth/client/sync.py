"""``AuthClient``: for threads."""

from __future__ import annotations

import threading
from collections.abc import Generator
from types import TracebackType
from typing import Any, Self

import httpx

from better_auth.client import exchange
from better_auth.client.errors import NotSignedIn
from better_auth.client.exchange import Question
from better_auth.client.holding import Holding, OnChange
from better_auth.client.tokens import Tokens


class AuthClient(Holding):
    """One signed-in caller, for any number of threads.

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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(tokens, on_change)
        self._base_path = base_path
        self._lock = threading.RLock()
        self._http = httpx.Client(transport=transport, **exchange.options(server, timeout))
        self.auth: httpx.Auth = _Bearer(self)

    def sign_in(self, email: str, password: str) -> Tokens:
        """By password. Raises ``InvalidCredentials``, ``SignInChallenged``, ``TooManyRequests``."""
        return self._hold(exchange.tokens_in(self._ask(exchange.sign_in(email, password))))

    def refresh(self) -> Tokens:
        """Replace the tokens now. Raises ``NotSignedIn`` where the refresh token is good no more."""
        return self.refresh_after(self._tokens)

    def refresh_after(self, seen: Tokens | None) -> Tokens:
        """The same, unless another thread has done so since ``seen``: of many that find a token over, one
        refreshes it."""
        with self._lock:
            if self._tokens is not None and self._tokens is not seen:
                return self._tokens
            question = exchange.refresh(self._tokens)
            try:
                return self._hold(exchange.tokens_in(self._ask(question)))
            except NotSignedIn:
                self._forget()
                raise

    def sign_out(self) -> None:
        """End the tokens at the server, and the session that was made for them."""
        with self._lock:
            if self._tokens is not None and self._tokens.refresh_token is not None:
                exchange.read(self._ask(exchange.sign_out(self._tokens.refresh_token)))
            self._forget()

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Call with the access token, which is refreshed before its end, or once when the answer is 401.

        ``url`` may be a path of the auth server itself; ``options`` are those of httpx. The token goes to
        whatever server is named. Answers of any status are returned, and httpx's own errors are raised as
        they are.
        """
        return self._http.request(method, url, auth=self.auth, **options)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, question: Question) -> httpx.Response:
        try:
            return self._http.post(self._base_path + question.path, json=question.body)
        except httpx.TransportError as fault:
            raise exchange.silence(fault) from fault


class _Bearer(httpx.Auth):
    """``httpx.Client(auth=auth_client.auth)`` calls with the tokens, too."""

    def __init__(self, client: AuthClient) -> None:
        self._client = client

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """What the other kind of httpx client would take: never send a call without its token."""
        raise TypeError("AuthClient.auth is for httpx.Client")

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        tokens = self._client.tokens
        if tokens is None:
            raise NotSignedIn("there is no token; sign in first")
        if tokens.is_due:
            tokens = self._client.refresh_after(tokens)
        request.headers["Authorization"] = f"Bearer {tokens.access_token}"
        can_repeat = tokens.refresh_token is not None and exchange.is_replayable(request)
        response = yield request
        if response.status_code == 401 and can_repeat:
            tokens = self._client.refresh_after(tokens)
            request.headers["Authorization"] = f"Bearer {tokens.access_token}"
            yield request
