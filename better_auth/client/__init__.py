"""A client for scripts and services: sign in, refresh, call with a token. Needs httpx alone, and no Django.

    from better_auth.client import AuthClient

    with AuthClient("https://auth.example.com") as auth:
        auth.sign_in("robot@example.com", password)
        invoices = auth.request("GET", "https://api.example.com/invoices").json()

``AsyncAuthClient`` has the same methods to be awaited.
"""

from __future__ import annotations

from better_auth.client.asynchronous import AsyncAuthClient
from better_auth.client.errors import (
    AuthError,
    InvalidCredentials,
    NotSignedIn,
    ServerUnavailable,
    SignInChallenged,
    TooManyRequests,
)
from better_auth.client.sync import AuthClient
from better_auth.client.tokens import Tokens

__all__ = [
    "AsyncAuthClient",
    "AuthClient",
    "AuthError",
    "InvalidCredentials",
    "NotSignedIn",
    "ServerUnavailable",
    "SignInChallenged",
    "Tokens",
    "TooManyRequests",
]
