"""Who calls, as the auth server says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from better_auth.events import AuthMethod


class TokenUser:
    """Stands for ``request.user``: it lives as long as the request and has no row.

    What the token does not tell is empty, and not verified.
    """

    __slots__ = ("claims",)

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    def __init__(self, claims: Mapping[str, Any]) -> None:
        self.claims = claims

    @property
    def id(self) -> str:
        """The user's id at the auth server (``sub``)."""
        subject: str = self.claims["sub"]
        return subject

    @property
    def pk(self) -> str:
        return self.id

    @property
    def email(self) -> str:
        return _text(self.claims, "email") or _text(self.claims, "username")

    @property
    def email_verified(self) -> bool:
        """The one name is introspection's, the other the protocol's."""
        return self.claims.get("email_verified", self.claims.get("emailVerified")) is True

    @property
    def name(self) -> str:
        return _text(self.claims, "name")

    @property
    def username(self) -> str:
        return self.email or self.id

    def get_username(self) -> str:
        return self.username

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Django's permissions are rows, and here are none."""
        return False

    def has_perms(self, perm_list: object, obj: object = None) -> bool:
        return False

    def has_module_perms(self, app_label: str) -> bool:
        return False

    def __str__(self) -> str:
        return self.username

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenUser) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class Principal:
    """``method``: what the caller has shown, as ``AuthMethod`` names it; ``claims``: all that the token says,
    or the auth server of it."""

    user: TokenUser
    method: str
    claims: Mapping[str, Any]

    @property
    def scopes(self) -> frozenset[str]:
        """RFC 6749, section 3.3."""
        return frozenset(_text(self.claims, "scope").split())


def of_claims(claims: Mapping[str, Any], *, method: str) -> Principal:
    """Of a JWT of the protocol, or of an answer of ``/introspect``; ``sub`` has been looked at."""
    return Principal(TokenUser(claims), method, claims)


def method_in(answer: Mapping[str, Any]) -> str:
    """Of an answer of ``/introspect``; other auth servers don't tell."""
    return _text(answer, "method") or AuthMethod.ACCESS_TOKEN


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
