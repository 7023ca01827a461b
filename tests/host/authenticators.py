"""A host's own way to say who one is: the badge of a machine, as a bearer token."""

from __future__ import annotations

from better_auth import users
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.principal import Principal
from better_auth.events import AuthMethod

BADGE = "badge-"


def badge(credentials: Credentials) -> Principal | None:
    """``badge-<email>``; one of nobody is refused, everything else is for others to judge."""
    if not credentials.bearer or not credentials.bearer.startswith(BADGE):
        return None
    user = users.find_by_email(credentials.bearer.removeprefix(BADGE))
    if user is None:
        raise InvalidCredentials
    return Principal(user, None, AuthMethod.BEARER)
