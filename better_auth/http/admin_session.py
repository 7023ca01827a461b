"""The cookie that keeps an administrator's own session while they act in somebody's name.

Source: admin.md, section 6.
"""

from __future__ import annotations

from collections.abc import Mapping

from better_auth.authentication.authenticators.session_cookie import is_unremembered
from better_auth.authentication.cookie_names import cookie_name
from better_auth.authentication.credentials import Credentials
from better_auth.conf import auth_settings
from better_auth.crypto.signing import sign_value, unsign_value
from better_auth.http import cookies
from better_auth.http.reply import Reply

ADMIN_SESSION = "admin_session"
UNREMEMBERED = "true"


def keep(reply: Reply, token: str, credentials: Credentials) -> None:
    """Put the token aside, with whether the browser was to remember it."""
    mark = UNREMEMBERED if is_unremembered(credentials) else ""
    value = sign_value(f"{token}:{mark}", secret=auth_settings.secret)
    cookies.set_cookie(reply, cookie_name(ADMIN_SESSION), value, max_age=auth_settings.session.expires_in)


def read(jar: Mapping[str, str]) -> tuple[str | None, bool]:
    """The token, if the cookie is ours, and whether it was to be remembered."""
    value = jar.get(cookie_name(ADMIN_SESSION), "")
    payload = unsign_value(value, secret=auth_settings.secret) if value else None
    token, _, mark = (payload or "").partition(":")
    return token or None, not mark


def is_kept(jar: Mapping[str, str]) -> bool:
    return bool(jar.get(cookie_name(ADMIN_SESSION)))


def drop(reply: Reply) -> None:
    cookies.expire_cookie(reply, cookie_name(ADMIN_SESSION))
