"""The cookies by which a device keeps several sessions, one for each user who has signed in there.

Source: jwt-bearer-multisession.md, section 3. A cookie's name carries its token in lower case and its value
the token, signed: what we have not signed, or signed for another name, is no cookie.
"""

from __future__ import annotations

from collections.abc import Mapping

from better_auth.authentication.cookie_names import SESSION_TOKEN, cookie_name
from better_auth.conf import auth_settings
from better_auth.crypto.signing import sign_value, unsign_value
from better_auth.http import cookies
from better_auth.http.reply import Reply

FEATURE = "multi_session"


def is_on() -> bool:
    return FEATURE in auth_settings.features


def name_of(token: str) -> str:
    return f"{cookie_name(SESSION_TOKEN)}_multi-{token.lower()}"


def tokens_in(jar: Mapping[str, str]) -> list[str]:
    """The tokens of all sessions that the device keeps, living or not, in the order of its cookies."""
    prefix, secret = name_of(""), auth_settings.secret
    signed = ((name, unsign_value(jar[name], secret=secret)) for name in jar if name.startswith(prefix))
    return [token for name, token in signed if token and name == name_of(token)]


def find_token(jar: Mapping[str, str], spelled: str) -> str | None:
    """The token of the cookie that a token in any spelling names: the cookie decides, not who asks."""
    name = name_of(spelled)
    token = unsign_value(jar.get(name, ""), secret=auth_settings.secret)
    return token if token and name_of(token) == name else None


def keep(reply: Reply, token: str) -> None:
    """For as long as a remembered session lives, whatever the session's own cookie does."""
    value = sign_value(token, secret=auth_settings.secret)
    cookies.set_cookie(reply, name_of(token), value, max_age=auth_settings.session.expires_in)


def drop(reply: Reply, token: str) -> None:
    cookies.expire_cookie(reply, name_of(token))
