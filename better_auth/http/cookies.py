"""Cookies in and out. Source: sessions-and-cookies.md, sections 1, 3 and 4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from better_auth import clock
from better_auth.authentication.authenticators.session_cookie import is_unremembered
from better_auth.authentication.cookie_names import (
    DONT_REMEMBER,
    SESSION_DATA,
    SESSION_TOKEN,
    are_secure,
    cookie_name,
)
from better_auth.authentication.credentials import Credentials
from better_auth.conf import auth_settings
from better_auth.crypto.session_cache import STRATEGIES, chunk_index, split_chunks
from better_auth.crypto.signing import sign_value
from better_auth.http import wire
from better_auth.http.reply import Reply
from better_auth.http.response_headers import Cookie
from better_auth.sessions import IssuedSession, Keepsake

UNREMEMBERED_COPY_SECONDS = {"compact": 60, "jwt": 300, "jwe": 300}
LONGEST_HEADER = 64 * 1024


def parse(header: str) -> dict[str, str]:
    """The ``Cookie`` header; of equal names the first counts. Malformed parts are passed over."""
    cookies: dict[str, str] = {}
    for part in header[:LONGEST_HEADER].split(";"):
        name, separator, value = part.partition("=")
        name, value = name.strip(), value.strip()
        if not separator or not name or name in cookies:
            continue
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        cookies[name] = _percent_decoded(value)
    return cookies


def set_cookie(reply: Reply, name: str, value: str, *, max_age: int | None) -> None:
    """``value`` must be fit for a cookie already; without ``max_age`` it ends with the browser."""
    reply.cookies.pop(name, None)
    reply.cookies[name] = Cookie(name, value, f"{name}={value}{_attributes(max_age)}")


def expire_cookie(reply: Reply, name: str) -> None:
    set_cookie(reply, name, "", max_age=0)


def deliver(issued: IssuedSession, reply: Reply) -> None:
    """Set the session cookie, remembered or not, and where it is switched on the copy of the session."""
    remember = issued.remember
    marked = is_unremembered(Credentials(cookies=reply.request_cookies))
    if remember is None:
        remember = not marked
    value = sign_value(issued.token, secret=auth_settings.secret)
    max_age = auth_settings.session.expires_in if remember else None
    set_cookie(reply, cookie_name(SESSION_TOKEN), value, max_age=max_age)
    if not remember:
        mark = sign_value("true", secret=auth_settings.secret)
        set_cookie(reply, cookie_name(DONT_REMEMBER), mark, max_age=None)
    elif marked:
        expire_cookie(reply, cookie_name(DONT_REMEMBER))
    if auth_settings.session.cookie_cache.enabled:
        set_session_data(issued, reply, remember=remember)
    keep(issued.keepsakes, reply)


def keep(keepsakes: Iterable[Keepsake], reply: Reply) -> None:
    """Hand over what the client is to keep, signed; or expire it."""
    for one in keepsakes:
        value = sign_value(one.value, secret=auth_settings.secret) if one.value else ""
        set_cookie(reply, cookie_name(one.name), value, max_age=one.seconds)


def clear_session(reply: Reply) -> None:
    """Expire every cookie of the session; what this reply had set before is dropped."""
    expire_cookie(reply, cookie_name(SESSION_TOKEN))
    clear_session_data(reply)
    expire_cookie(reply, cookie_name(DONT_REMEMBER))


def clear_session_data(reply: Reply) -> None:
    """Expire the copy of the session, and every piece of it that the client holds."""
    expire_cookie(reply, cookie_name(SESSION_DATA))
    for name in _pieces(reply.request_cookies):
        expire_cookie(reply, name)


def set_session_data(issued: IssuedSession, reply: Reply, *, remember: bool) -> None:
    """Write the signed copy, in pieces where it is long; pieces of an older one are expired."""
    rules = auth_settings.session.cookie_cache
    now_ms = clock.epoch_ms(clock.now())
    payload = {
        "session": wire.session_object(issued.session, token=issued.token),
        "user": wire.user_object(issued.user),
        "updatedAt": now_ms if reply.read_at_ms is None else reply.read_at_ms,
        "version": rules.version,
    }
    value = STRATEGIES[rules.strategy].encode(
        payload,
        secret=auth_settings.secret,
        now_ms=now_ms,
        max_age=rules.max_age if remember else UNREMEMBERED_COPY_SECONDS[rules.strategy],
    )
    max_age = rules.max_age if remember else None
    written = split_chunks(cookie_name(SESSION_DATA), value, attributes_length=len(_attributes(max_age)))
    for stale in {cookie_name(SESSION_DATA), *_pieces(reply.request_cookies)} - {name for name, _ in written}:
        if stale in reply.request_cookies:
            expire_cookie(reply, stale)
    for name, piece in written:
        set_cookie(reply, name, piece, max_age=max_age)


def _pieces(cookies: Mapping[str, str]) -> list[str]:
    base = cookie_name(SESSION_DATA)
    return [name for name in cookies if chunk_index(base, name) is not None]


def _attributes(max_age: int | None) -> str:
    rules = auth_settings.cookies
    secure = are_secure() or rules.same_site == "None"
    domain = rules.domain.removeprefix(".") if rules.domain else None
    parts = [
        f"Max-Age={max_age}" if max_age is not None else "",
        f"Domain={domain}" if domain else "",
        "Path=/",
        "HttpOnly",
        "Secure" if secure else "",
        f"SameSite={rules.same_site}",
        "Partitioned" if rules.partitioned else "",
    ]
    return "".join(f"; {part}" for part in parts if part)


def _percent_decoded(value: str) -> str:
    if "%" not in value:
        return value
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        return value
