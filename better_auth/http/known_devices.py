"""The cookie by which a device shows that it signed in to an account before.

It opens nothing: it only gives the device a budget of its own for failed sign-ins (``rate_limits``).
"""

from __future__ import annotations

from collections.abc import Mapping

from better_auth.authentication.cookie_names import cookie_name
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import ALPHANUMERIC, random_string
from better_auth.crypto.signing import sign_value, unsign_value
from better_auth.http import cookies
from better_auth.http.reply import Reply
from better_auth.rate_limits import account_tag
from better_auth.sessions import IssuedSession

KNOWN_DEVICE = "known_device"
MOST_ACCOUNTS = 10
MAX_AGE = 34_560_000  # 400 days, the most that browsers keep
ID_LENGTH = 20


def read(jar: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The device's id and the tags of its accounts; empty where the cookie is absent or not ours."""
    value = jar.get(cookie_name(KNOWN_DEVICE), "")
    payload = unsign_value(value, secret=auth_settings.secret) if value else None
    device_id, _, tags = (payload or "").partition(":")
    return (device_id, tuple(tags.split("-"))) if len(device_id) == ID_LENGTH else ("", ())


def deliver(issued: IssuedSession, reply: Reply) -> None:
    """Remember, at the device, that it signed in to this account; whoever impersonates has not."""
    if not auth_settings.rate_limit.is_on or issued.session.impersonated_by:
        return
    device_id, tags = read(reply.request_cookies)
    device_id = device_id or random_string(ID_LENGTH, ALPHANUMERIC)
    tag = account_tag(device_id, issued.user.email)
    if tag in tags:
        return
    payload = f"{device_id}:{'-'.join([tag, *tags][:MOST_ACCOUNTS])}"
    value = sign_value(payload, secret=auth_settings.secret)
    cookies.set_cookie(reply, cookie_name(KNOWN_DEVICE), value, max_age=MAX_AGE)
