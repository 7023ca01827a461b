"""What can go wrong for a client, by what it can do about it."""

from __future__ import annotations

from typing import Any


class AuthError(Exception):
    """The server has refused. ``status`` of the answer, 0 where there is none; ``code`` is stable, and may be
    empty."""

    def __init__(self, message: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class InvalidCredentials(AuthError):
    """Address or password are wrong, or may not be used."""


class SignInChallenged(AuthError):
    """The server wants more than a password; ``challenge`` is what it said."""

    def __init__(self, challenge: dict[str, Any]) -> None:
        super().__init__("the server wants more than a password", status=200)
        self.challenge = challenge


class NotSignedIn(AuthError):
    """There is no token that could be used or refreshed: sign in again."""


class TooManyRequests(AuthError):
    """``retry_after`` in seconds."""

    def __init__(self, message: str, *, code: str = "", retry_after: float = 1.0) -> None:
        super().__init__(message, status=429, code=code)
        self.retry_after = retry_after


class ServerUnavailable(AuthError):
    """No answer, or one that says nothing about the request: neither a yes nor a no. ``retry_after`` in
    seconds."""

    def __init__(self, message: str, *, status: int = 0, code: str = "", retry_after: float = 1.0) -> None:
        super().__init__(message, status=status, code=code)
        self.retry_after = retry_after
