"""The anonymous session of whoever signs in with a name, also while a second factor is still to come.

Until then the browser has no session; a cookie of its own, good for some minutes, remembers which it had. It
opens nothing: its value is no session's.
"""

from __future__ import annotations

from better_auth.authentication.authenticators.bearer import session_token
from better_auth.authentication.authenticators.session_cookie import signed_token
from better_auth.authentication.cookie_names import cookie_name
from better_auth.authentication.credentials import Credentials
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.crypto.signing import sign_value, unsign_value
from better_auth.http import cookies
from better_auth.http.reply import Reply

ANONYMOUS_SESSION = "anonymous_session"
MARK = ":waits"
MAX_AGE = 600
# The protocol's list of ways in (passwordless.md, section 5), and the second step of some of them.
SIGN_IN_PATHS = (
    "/sign-in",
    "/sign-up",
    "/callback",
    "/magic-link/verify",
    "/email-otp/verify-email",
    "/one-tap/callback",
    "/passkey/verify-authentication",
    "/phone-number/verify",
    "/verify-email",
    "/two-factor/verify",
)


def is_sign_in(path: str) -> bool:
    return path.startswith(SIGN_IN_PATHS)


def put_aside(principal: Principal | None, reply: Reply) -> None:
    """The sign-in waits for a second factor, and takes the session away meanwhile."""
    if principal and principal.token and principal.session and principal.user.anonymous:
        value = sign_value(f"{principal.token}{MARK}", secret=auth_settings.secret)
        cookies.set_cookie(reply, cookie_name(ANONYMOUS_SESSION), value, max_age=MAX_AGE)


def tokens_in(reply: Reply) -> list[str]:
    """Of the sessions that the request came with: bearer, cookie, and the one put aside."""
    shown = Credentials(cookies=reply.request_cookies)
    value = reply.request_cookies.get(cookie_name(ANONYMOUS_SESSION), "")
    waiting = unsign_value(value, secret=auth_settings.secret) or ""
    found = [
        session_token(reply.request_bearer) if reply.request_bearer else None,
        signed_token(shown),
        waiting.removesuffix(MARK) if waiting.endswith(MARK) else None,
    ]
    return [token for token in found if token]


def drop(reply: Reply) -> None:
    if cookie_name(ANONYMOUS_SESSION) in reply.request_cookies:
        cookies.expire_cookie(reply, cookie_name(ANONYMOUS_SESSION))
