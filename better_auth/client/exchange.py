"""Questions to the auth server, and what its answers mean; nothing here sends anything."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from better_auth.client.errors import (
    AuthError,
    InvalidCredentials,
    NotSignedIn,
    ServerUnavailable,
    SignInChallenged,
    TooManyRequests,
)
from better_auth.client.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Question:
    """A JSON request; ``path`` is below the base path."""

    path: str
    body: Mapping[str, Any]


def sign_in(email: str, password: str) -> Question:
    return Question("/token", {"grant_type": "password", "email": email, "password": password})


def refresh(tokens: Tokens | None) -> Question:
    """Raises ``NotSignedIn`` without a refresh token."""
    if tokens is None or tokens.refresh_token is None:
        raise NotSignedIn("there is no refresh token; sign in first")
    return Question("/token", {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token})


def sign_out(refresh_token: str) -> Question:
    return Question("/revoke", {"token": refresh_token})


def options(server: str, timeout: float) -> dict[str, Any]:
    """Of an httpx client. It keeps no cookies: with a cookie a server asks for an origin, and a service has
    none."""
    return {
        "base_url": server,
        "timeout": timeout,
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        "headers": {"User-Agent": "better-auth-python"},
    }


def tokens_in(response: httpx.Response) -> Tokens:
    """The new tokens. Raises ``AuthError``, of the class that says what to do."""
    body = read(response)
    access_token, expires_in = body.get("access_token"), body.get("expires_in")
    if not isinstance(access_token, str):
        raise SignInChallenged(body)
    return Tokens(
        access_token,
        refresh_token=body.get("refresh_token"),
        expires_at=time.time() + expires_in if isinstance(expires_in, int | float) else None,
    )


def read(response: httpx.Response) -> dict[str, Any]:
    """The body of a success. Raises ``AuthError``."""
    body: Any = None
    with contextlib.suppress(ValueError):
        body = response.json()
    if response.is_success and isinstance(body, dict):
        return body
    raise refusal(response, body if isinstance(body, dict) else {})


def refusal(response: httpx.Response, body: Mapping[str, Any]) -> AuthError:
    """What to raise for an answer that is no success."""
    status, code = response.status_code, str(body.get("code") or "")
    message = str(body.get("message") or body.get("error_description") or f"the server answered {status}")
    if status == 429:
        return TooManyRequests(message, code=code, retry_after=_seconds(response))
    if status >= 500 or status < 400:
        return ServerUnavailable(message, status=status, code=code, retry_after=_seconds(response))
    if body.get("error") == "invalid_grant":
        return NotSignedIn(message, status=status, code=code)
    kind = InvalidCredentials if status in (401, 403) else AuthError
    return kind(message, status=status, code=code)


def silence(fault: httpx.TransportError) -> ServerUnavailable:
    """What to raise where there is no answer. The fault's text is left out: it may quote what was sent."""
    return ServerUnavailable(f"no answer from the auth server ({type(fault).__name__})")


def is_replayable(request: httpx.Request) -> bool:
    """Whether its body can be sent once more."""
    return isinstance(request.stream, httpx.ByteStream)


def _seconds(response: httpx.Response) -> float:
    text = response.headers.get("Retry-After") or response.headers.get("X-Retry-After") or ""
    return float(text) if text.isdigit() else 1.0
