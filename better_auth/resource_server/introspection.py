"""Opaque tokens: the auth server is asked (RFC 7662), and its answer kept for a while, by digest."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Generator
from concurrent.futures import Future
from dataclasses import dataclass
from logging import ERROR, WARNING
from typing import Any
from urllib.parse import quote_plus

import orjson
from django.core.signals import setting_changed

from better_auth.auth_server.connection import Call, Reply
from better_auth.authorization_header import basic
from better_auth.bounded import Bounded
from better_auth.conf import auth_settings
from better_auth.crypto.jose import InvalidToken
from better_auth.errors import AuthServerUnavailable
from better_auth.paced_log import PacedLog
from better_auth.resource_server.expectations import ensure_told_for_us
from better_auth.resource_server.principal import Principal, method_in, of_claims
from better_auth.resource_server.waiting import Rules

log = PacedLog(logging.getLogger("better_auth.resource_server"))

LONGEST_ANSWER = 64 * 1024
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
# The keys of the caches are of no use outside of this process.
_DIGEST_KEY = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Verdict:
    """None for a token that is not good. ``good_until``: of ``time.monotonic()``."""

    principal: Principal | None
    good_until: float


class TokenCache:
    """What was answered lately, and what is being asked. Tokens that are no good have a place of their own:
    whoever sends many of them drives out no good one."""

    def __init__(self, entries: int) -> None:
        self.accepted: Bounded[Verdict] = Bounded(entries)
        self.refused: Bounded[Verdict] = Bounded(entries)
        self._flights: dict[bytes, Future[Verdict | None]] = {}
        self._lock = threading.Lock()

    def find(self, digest: bytes) -> Verdict | None:
        verdict = self.accepted.get(digest) or self.refused.get(digest)
        return verdict if verdict is not None and verdict.good_until > time.monotonic() else None

    def keep(self, digest: bytes, verdict: Verdict) -> None:
        stale, fitting = self.refused, self.accepted
        if verdict.principal is None:
            stale, fitting = fitting, stale
        stale.drop(digest)
        fitting.put(digest, verdict)

    def join(self, digest: bytes) -> tuple[Future[Verdict | None], bool]:
        """The question that is under way, and whether it is the caller's to ask."""
        with self._lock:
            flight = self._flights.get(digest)
            if flight is not None:
                return flight, False
            flight = self._flights[digest] = Future()
            return flight, True

    def leave(self, digest: bytes) -> None:
        with self._lock:
            self._flights.pop(digest, None)


def forget_token(token: str) -> None:
    """Ask about this one anew."""
    digest = _digest(token)
    _cache().accepted.drop(digest)
    _cache().refused.drop(digest)


def verify_at_once(token: str) -> Principal | None:
    """Whom a token is about, as of ``TOKEN_CACHE_SECONDS`` ago at most; None where it has to be asked about.
    Raises ``InvalidToken``."""
    verdict = _cache().find(_digest(token))
    return _principal_of(verdict) if verdict is not None else None


def verify(token: str) -> Rules[Principal]:
    """The same, whatever it takes. Of many who show one token at once, one asks. Raises ``InvalidToken`` and
    ``AuthServerUnavailable``."""
    cache, digest = _cache(), _digest(token)
    verdict = cache.find(digest)
    while verdict is None:
        verdict = yield from _ask_or_wait(token, digest, cache)
    return _principal_of(verdict)


def _principal_of(verdict: Verdict) -> Principal:
    if verdict.principal is None:
        raise InvalidToken("not good, says the auth server")
    ensure_told_for_us(verdict.principal.claims)
    return verdict.principal


def _digest(token: str) -> bytes:
    return hashlib.blake2b(token.encode("ascii"), digest_size=16, key=_DIGEST_KEY).digest()


def _ask_or_wait(token: str, digest: bytes, cache: TokenCache) -> Rules[Verdict | None]:
    """None where whoever was asking went away before the answer came."""
    flight, is_mine = cache.join(digest)
    if not is_mine:
        theirs: Verdict | None = yield flight
        return theirs
    try:
        verdict = yield from _ask(token)
        cache.keep(digest, verdict)
        flight.set_result(verdict)
        return verdict
    except AuthServerUnavailable as fault:
        flight.set_exception(fault)
        raise
    finally:
        cache.leave(digest)
        if not flight.done():
            flight.set_result(None)


def _ask(token: str) -> Generator[Call, Reply, Verdict]:
    asked_at = time.monotonic()
    reply = yield _call(token)
    principal = _principal_in(reply)
    settings = auth_settings.resource_server
    seconds = settings.refused_cache_seconds if principal is None else settings.token_cache_seconds
    # Counted from the question: what changed while it was answered may not be in the answer.
    return Verdict(principal, asked_at + seconds)


def _call(token: str) -> Call:
    settings = auth_settings.auth_server
    return Call(
        operation="introspect",
        method="POST",
        path="/introspect",
        headers={**FORM, "Authorization": basic(settings.client_id or "", settings.client_secret or "")},
        content=f"token={quote_plus(token)}&token_type_hint=access_token".encode("ascii"),
        is_repeatable=True,
        longest=LONGEST_ANSWER,
    )


def _principal_in(reply: Reply) -> Principal | None:
    """None for a token that is not good, or not for us; ``AuthServerUnavailable`` for what is no answer."""
    if reply.status != 200:
        if reply.status in (401, 403):
            log.say(
                ERROR,
                "the auth server does not know this service: check AUTH_SERVER.CLIENT_ID and its secret",
            )
        else:
            log.say(WARNING, "the auth server did not say what a token is: %d", reply.status)
        raise AuthServerUnavailable(retry_after=_retry_after(reply))
    answer = _answer_in(reply)
    if answer is None or not isinstance(answer.get("active"), bool):
        log.say(ERROR, "what the auth server said of a token is no introspection")
        raise AuthServerUnavailable
    if not answer["active"]:
        return None
    claims = {name: value for name, value in answer.items() if name != "active"}
    try:
        ensure_told_for_us(claims)
    except InvalidToken as refusal:
        log.say(WARNING, "the auth server vouches for a token that is not for us: %s", refusal)
        return None
    return of_claims(claims, method=method_in(claims))


def _answer_in(reply: Reply) -> dict[str, Any] | None:
    try:
        answer = orjson.loads(reply.content)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None


def _retry_after(reply: Reply) -> float:
    text = reply.headers.get("Retry-After") or reply.headers.get("X-Retry-After") or ""
    return min(float(text), 60.0) if text.isdecimal() else 1.0


_kept: TokenCache | None = None


def _cache() -> TokenCache:
    global _kept
    if _kept is None:
        _kept = TokenCache(auth_settings.resource_server.token_cache_entries)
    return _kept


def forget() -> None:
    """Ask about every token anew."""
    global _kept
    _kept = None


def _setting_changed(*, setting: str, **kwargs: object) -> None:
    if setting == "BETTER_AUTH":
        forget()


setting_changed.connect(_setting_changed, dispatch_uid="better_auth.resource_server.introspection")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget)
