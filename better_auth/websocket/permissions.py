"""What somebody must be allowed to be let into a consumer; asked when they come, and whenever they change.

    permissions = [IsFresh(), HasScope("files:read")]

``organizations.websocket`` and ``apikeys.websocket`` have those of their apps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from better_auth import clock


class Permission(ABC):
    """``code`` and ``message`` are told to whoever is refused."""

    code = "FORBIDDEN"
    message = "You are not allowed to do this."

    @abstractmethod
    def allows(self, principal: Any) -> bool:
        """In a thread: it may ask the database."""

    def watches(self, principal: Any) -> Iterable[str]:
        """Names of what it depends on, beside the session and the user."""
        return ()


class IsSignedIn(Permission):
    """A person's session stands behind it: no API key, no token that speaks for the user alone."""

    code = "UNAUTHORIZED"
    message = "Sign in first."

    def allows(self, principal: Any) -> bool:
        return getattr(principal, "session", None) is not None


class IsFresh(Permission):
    """Signed in a short while ago (``SESSION.FRESH_AGE``)."""

    code = "SESSION_NOT_FRESH"
    message = "Session is not fresh"

    def allows(self, principal: Any) -> bool:
        is_fresh = getattr(principal, "is_fresh", None)
        return is_fresh is not None and bool(is_fresh(clock.now()))


class HasVerifiedEmail(Permission):
    code = "EMAIL_NOT_VERIFIED"
    message = "Email not verified"

    def allows(self, principal: Any) -> bool:
        return bool(principal.user.email_verified)


class HasScope(Permission):
    """The token, or the API key, has all of these (RFC 6749, section 3.3)."""

    code = "INSUFFICIENT_SCOPE"
    message = "The token does not reach so far."

    def __init__(self, *scopes: str) -> None:
        if not scopes:
            raise TypeError("name at least one scope")
        self.scopes = frozenset(scopes)

    def allows(self, principal: Any) -> bool:
        granted = (principal.claims or {}).get("scope")
        return isinstance(granted, str) and self.scopes <= set(granted.split())


def first_refusing(permissions: Sequence[Permission], principal: Any) -> Permission | None:
    return next((one for one in permissions if not one.allows(principal)), None)
