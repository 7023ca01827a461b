"""Whether a user name is free. Source: passwordless.md, section 4."""

from __future__ import annotations

from better_auth import usernames, users
from better_auth.errors import Unprocessable
from better_auth.usernames import Code


def is_username_available(username: str) -> bool:
    """A hint for a form; who gets the name is decided at the sign-up. Raises ``Unprocessable``."""
    mistake = usernames.find_mistake(username) if username else Code.INVALID_USERNAME
    if mistake:
        raise Unprocessable(mistake)
    return users.find_by_unique("username", usernames.normalized(username)) is None
