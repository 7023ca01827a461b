"""The cookie cache: a signed copy of the session at the client. Source: sessions-and-cookies.md, section 4.

Only ``/get-session`` answers from it, and only while no mark says that the session was revoked since; every
other endpoint asks the store.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from better_auth import clock
from better_auth.authentication.authenticators.bearer import session_token
from better_auth.authentication.authenticators.session_cookie import is_unremembered, signed_token
from better_auth.authentication.cookie_names import SESSION_DATA, cookie_name
from better_auth.authentication.credentials import Credentials
from better_auth.conf import auth_settings
from better_auth.crypto.session_cache import STRATEGIES, join_chunks
from better_auth.events import observe
from better_auth.http import cookies
from better_auth.http.reply import Reply
from better_auth.sessions import IssuedSession
from better_auth.storage import last_seen, revocations

SESSION_KEYS = {"id", "token", "userId", "expiresAt", "createdAt", "updatedAt"}
USER_KEYS = {"id", "name", "email", "emailVerified", "createdAt", "updatedAt"}


def read(credentials: Credentials) -> dict[str, Any] | None:
    """``{session, user}`` as the copy has them; None where it is absent, stale, foreign or revoked."""
    token = _presented_token(credentials) if auth_settings.session.cookie_cache.enabled else None
    if not token:
        return None
    copy = _read(credentials, token)
    observe("token_cache_hit" if copy else "token_cache_miss")  # without a copy the store is asked
    return copy


def _read(credentials: Credentials, token: str) -> dict[str, Any] | None:
    rules = auth_settings.session.cookie_cache
    value = join_chunks(cookie_name(SESSION_DATA), credentials.cookies)
    if not value:
        return None
    now_ms = clock.epoch_ms(clock.now())
    payload = STRATEGIES[rules.strategy].decode(value, secret=auth_settings.secret, now_ms=now_ms)
    if payload is None or not _is_good(payload, token=token, now_ms=now_ms):
        return None
    if auth_settings.session.idle_timeout_minutes:
        made_at = clock.from_epoch_ms(payload["updatedAt"])
        last_seen.touch(payload["session"]["id"], stored=made_at, now=clock.from_epoch_ms(now_ms))
    return {"session": payload["session"], "user": payload["user"]}


def is_present(credentials: Credentials) -> bool:
    return join_chunks(cookie_name(SESSION_DATA), credentials.cookies) is not None


def refresh(issued: IssuedSession, reply: Reply, *, renewed: bool) -> None:
    """After a read of the store: write the copy anew, or drop one that is left from when copies were on."""
    if renewed:
        return  # the session's delivery writes it
    shown = Credentials(cookies=reply.request_cookies)
    if not auth_settings.session.cookie_cache.enabled:
        if is_present(shown):
            cookies.clear_session_data(reply)
    elif not is_unremembered(shown):
        cookies.set_session_data(issued, reply, remember=True)


def without_renewal(credentials: Credentials) -> Credentials:
    return replace(credentials, renew=False)


def without_writing(credentials: Credentials) -> Credentials:
    return replace(credentials, read_only=True)


def _presented_token(credentials: Credentials) -> str | None:
    if credentials.bearer and "bearer" in auth_settings.features:
        return session_token(credentials.bearer)
    return signed_token(credentials)


def _is_good(payload: dict[str, Any], *, token: str, now_ms: int) -> bool:
    session, user, made_at = payload.get("session"), payload.get("user"), payload.get("updatedAt")
    if not isinstance(session, dict) or not isinstance(user, dict) or not isinstance(made_at, int):
        return False
    if not session.keys() >= SESSION_KEYS or not user.keys() >= USER_KEYS:
        return False
    if session["token"] != token or payload.get("version") != auth_settings.session.cookie_cache.version:
        return False
    if str(session["expiresAt"]) <= clock.iso(clock.from_epoch_ms(now_ms)):
        return False
    idle_minutes = auth_settings.session.idle_timeout_minutes
    if idle_minutes and now_ms - made_at > idle_minutes * 60_000:
        return False  # the store knows whether it was used elsewhere meanwhile
    return not revocations.is_revoked(session_id=session["id"], user_id=user["id"], copied_at_ms=made_at)
