"""The reads of every request of every client, answered before Django is entered.

    application = front_door.wsgi(get_wsgi_application())
    application = front_door.asgi(get_asgi_application())

``answer`` looks at a request (a *knock*) and either answers it as the endpoint behind it would, byte for
byte, or leaves it: what writes, what sets a cookie, what is unusual in any way is Django's. Limits, metrics,
idle time-outs and revocations hold here as they do inside. Middleware of the host's does not see what the
door answers; ``FRONT_DOOR`` shuts it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from django.db import close_old_connections

from better_auth import access_tokens, clock, hooks, rate_limits, sessions, signing_keys
from better_auth.authentication.authenticators.bearer import session_token
from better_auth.authorization_header import bearer_token
from better_auth.crypto.identifiers import token_digest
from better_auth.crypto.signing import unsign_value
from better_auth.errors import TooManyRequests
from better_auth.events import Client, observe
from better_auth.http import cookies, cors, session_jwt, wire
from better_auth.http.client_ip import resolve_client_ip
from better_auth.http.door_plan import Plan, Route, current_plan, is_expected_host
from better_auth.http.endpoint import RATE_COUNTED
from better_auth.http.reply import encode, error_reply
from better_auth.http.session_jwt import Claims
from better_auth.storage import counters, verified_sessions
from better_auth.storage.local_sessions import Found
from better_auth.storage.records import SessionRecord, UserRecord

logger = logging.getLogger("better_auth.http")

Header = tuple[str, str]
Environ = dict[str, Any]
WsgiApplication = Callable[[Environ, Any], Iterable[bytes]]
AsgiApplication = Callable[[Any, Any, Any], Awaitable[None]]
NOBODY = b"null"
# Stands for the token in a rendered session, so that none is kept.
TOKEN = "\x00token\x00"
# Reads that follow each other carry the same JWT.
JWT_SECONDS = 5


@dataclass(slots=True)
class Knock:
    """What the door needs to know of a request.

    ``is_counted``: the door has counted it for the limits; ``wants_to_wait``: memory could not answer it, but
    Redis or the database might.
    """

    method: str
    path: str
    query: str
    host: str
    is_https: bool
    cookie: str = field(repr=False)
    authorization: str
    remote_addr: str
    forwarded_for: str | None
    origin: str = ""
    api_key: str = field(default="", repr=False)
    is_counted: bool = False
    wants_to_wait: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """``token`` and ``scheme`` are empty for nobody; ``renews``: using the session may prolong it;
    ``is_forged``: a bearer token had a wrong signature."""

    token: str = field(default="", repr=False)
    scheme: str = ""
    renews: bool = True
    is_forged: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    status: int
    headers: list[Header]
    body: bytes


@dataclass(slots=True)
class Rendered:
    """A session's answer around its token, good until the session is due for a renewal, or over.

    ``claims``: of its JWTs, written when first needed; ``jwt``: the last one that went out with a read.
    """

    before: bytes
    after: bytes
    due_at: datetime
    over_at: datetime
    claims: Claims | None = None
    jwt: tuple[str, float] = field(default=("", 0.0), repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """``headers``: beside those of every reply."""

    body: bytes
    headers: Sequence[Header] = ()


def answer(knock: Knock, *, may_wait: bool) -> Ready | None:
    """The answer, or None: then Django is to give it. Never raises.

    Without ``may_wait`` only memory is asked; with it Redis and the database are, too.
    """
    plan = current_plan()
    route = plan.routes.get(knock.path)
    if route is None or knock.method != "GET" or knock.query or not plan.is_open:
        return None
    if knock.api_key and plan.takes_api_keys:
        return None  # each call is a use of the key, and counts
    if (plan.wants_https and not knock.is_https) or not is_expected_host(knock.host):
        return None
    try:
        return _answer(knock, plan, route, may_wait)
    except Exception as fault:  # a defect here must not become one of the server: Django answers, too
        logger.error("the front door left a request to Django: %s", type(fault).__name__)
        return None


def _answer(knock: Knock, plan: Plan, route: Route, may_wait: bool) -> Ready | None:
    started = time.perf_counter()
    asks_session = route.shows_session or route.mints
    caller = _caller(knock, plan) if asks_session else Caller()
    if caller is None or (route.mints and not caller.token):
        return None
    shown = _from_memory(caller, plan, route, may_wait)
    knock.wants_to_wait = shown is None or (plan.has_limits and counters.may_block())
    if knock.wants_to_wait and not may_wait:
        return None
    if plan.has_limits:
        refusal = _count(knock, plan, route)
        if refusal is not None:
            return refusal
    if shown is None:
        shown = _looked_up(caller, plan, route)
        if shown is None:
            return None
    if caller.is_forged:
        observe("token_validation", "bearer", "refused")
    if caller.token:
        observe("token_validation", caller.scheme, "accepted")
    observe("duration", route.name, value=time.perf_counter() - started)
    common = plan.public_headers if route.shows_keys else plan.headers
    return _ready(200, [*common(knock.is_https), *shown.headers], shown.body, knock, plan)


def _caller(knock: Knock, plan: Plan) -> Caller | None:
    """Who says to be who, not yet looked up; None for what Django must look at."""
    if not plan.opens_sessions:
        return None
    shown = cookies.parse(knock.cookie) if knock.cookie else {}
    mark = shown.get(plan.dont_remember)
    renews = mark is None or unsign_value(mark, secret=plan.secret) != "true"
    is_forged = False
    if knock.authorization and plan.takes_bearer:
        bearer = bearer_token(knock.authorization)
        token = session_token(bearer) if bearer else None
        if token:
            return Caller(token, "bearer", renews)
        is_forged = bool(bearer)
    if plan.takes_legacy and (knock.authorization or (plan.prefers_legacy and plan.legacy_cookie in shown)):
        return None  # Django asks the former system, too
    if plan.session_data in knock.cookie:
        return None  # a copy of the session, to be read or to be dropped
    value = shown.get(plan.session_cookie)
    token = unsign_value(value, secret=plan.secret) if value else None
    if not token and plan.legacy_cookie and plan.legacy_cookie in shown:
        return None
    return Caller(token or "", "session_cookie", renews, is_forged)


def _from_memory(caller: Caller, plan: Plan, route: Route, may_wait: bool) -> Shown | None:
    if caller.token:
        return _remembered(caller, plan, route, may_wait)
    if route.shows_keys:
        keys = signing_keys.public_set_in_memory()
        return Shown(keys) if keys else None
    return Shown(route.body or NOBODY)


def _remembered(caller: Caller, plan: Plan, route: Route, may_wait: bool) -> Shown | None:
    entry = verified_sessions.in_memory(token_digest(caller.token))
    if entry is None:
        return None
    rendered: Rendered | None = entry.rendered
    if rendered is None:
        rendered = entry.rendered = _render(entry.session, entry.user)
    now = clock.now()
    until = rendered.due_at if caller.renews else rendered.over_at
    if until <= now or not sessions.use(entry.session, now):
        return None
    found = (entry.session, entry.user)
    signs = route.mints or (plan.announces_jwt and rendered.jwt[1] <= time.monotonic())
    if signs and not _signs_at_once(rendered):
        return _show_unhurriedly(rendered, found, caller, plan, route) if may_wait else None
    observe("token_cache_hit")
    return _show(rendered, found, caller, plan, route)


def _looked_up(caller: Caller, plan: Plan, route: Route) -> Shown | None:
    """From Redis or the database; None where the session is over or due: then more than reading is to do."""
    try:
        if route.shows_keys:
            return Shown(signing_keys.public_set())
        found = verified_sessions.find(token_digest(caller.token))
        now = clock.now()
        if found is None or not sessions.is_steady(found.session, found.user, now, renew=caller.renews):
            return None
        if not sessions.use(found.session, now):
            return None
        entry = verified_sessions.in_memory(found.session.token_hash)
        rendered = _render(found.session, found.user)
        if entry is not None and entry.session is found.session:
            entry.rendered = rendered
        return _show(rendered, (found.session, found.user), caller, plan, route)
    finally:
        close_old_connections()


def _show(rendered: Rendered, found: Found, caller: Caller, plan: Plan, route: Route) -> Shown:
    if not (route.mints or plan.announces_jwt):
        return Shown(_body(rendered, caller.token))
    if rendered.claims is None:
        session, user = found
        rendered.claims = session_jwt.claims_of(user, session)
    if route.mints:
        return Shown(orjson.dumps({"token": session_jwt.mint(rendered.claims)}))
    token, good_until = rendered.jwt
    if good_until <= time.monotonic():
        token = session_jwt.mint(rendered.claims)
        rendered.jwt = (token, time.monotonic() + JWT_SECONDS)
    return Shown(_body(rendered, caller.token), session_jwt.headers(token))


def _show_unhurriedly(rendered: Rendered, found: Found, caller: Caller, plan: Plan, route: Route) -> Shown:
    """The database may be asked for the keys, or the host for its claims."""
    try:
        return _show(rendered, found, caller, plan, route)
    finally:
        close_old_connections()


def _signs_at_once(rendered: Rendered) -> bool:
    """Neither the keys nor the host's claims have to be asked for."""
    has_claims = rendered.claims is not None or not hooks.has_jwt_claims()
    return has_claims and access_tokens.can_sign_at_once()


def _render(session: SessionRecord, user: UserRecord) -> Rendered:
    text = orjson.dumps(
        {"session": wire.session_object(session, token=TOKEN), "user": wire.user_object(user)}
    )
    before, _, after = text.partition(orjson.dumps(TOKEN))
    now = clock.now()
    if user.is_shut_out(now):
        return Rendered(before, after, due_at=now, over_at=now)
    return Rendered(before, after, sessions.due_at(session), session.expires_at)


def _body(rendered: Rendered, token: str) -> bytes:
    return rendered.before + orjson.dumps(token) + rendered.after


def _count(knock: Knock, plan: Plan, route: Route) -> Ready | None:
    """Count the request for the limits; what is refused is answered here."""
    address = resolve_client_ip(knock.remote_addr, knock.forwarded_for, plan.proxies)
    knock.is_counted = True
    try:
        rate_limits.ensure_rate(route.path, Client(address))
    except TooManyRequests as refusal:
        reply = error_reply(refusal)
        headers = [*plan.headers(knock.is_https), *reply.headers.items()]
        return _ready(reply.status, headers, encode(reply), knock, plan)
    return None


def _ready(status: int, headers: list[Header], body: bytes, knock: Knock, plan: Plan) -> Ready:
    """With what the middleware for front ends on other origins would add."""
    if plan.grants_origins and knock.origin:
        own_origin = f"{'https' if knock.is_https else 'http'}://{knock.host}"
        if cors.grants(knock.origin, own_origin=own_origin):
            told = dict(headers)
            exposed = told.get("Access-Control-Expose-Headers", "")
            headers = list((told | cors.answer_headers(knock.origin, exposed=exposed)).items())
    return Ready(status, [*headers, ("Content-Length", str(len(body)))], body)


def wsgi(application: WsgiApplication) -> WsgiApplication:
    """The door before a WSGI application."""
    lines = {200: "200 OK", 429: "429 Too Many Requests"}

    def enter(environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] in current_plan().routes and not environ.get("SCRIPT_NAME"):
            knock = _knock_of_environ(environ)
            ready = answer(knock, may_wait=True)
            if ready is not None:
                start_response(lines[ready.status], ready.headers)
                return [ready.body]
            if knock.is_counted:
                environ[RATE_COUNTED] = True
        return application(environ, start_response)

    return enter


def asgi(application: AsgiApplication) -> AsgiApplication:
    """The door before an ASGI application. What has to wait, waits in a thread."""

    async def enter(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] in current_plan().routes and not scope.get("root_path"):
            knock = _knock_of_scope(scope)
            ready = answer(knock, may_wait=False)
            if ready is None and knock.wants_to_wait:
                ready = await asyncio.to_thread(answer, knock, may_wait=True)
            if ready is not None:
                await _send(ready, send)
                return
            if knock.is_counted:
                scope = {**scope, RATE_COUNTED: True}
        await application(scope, receive, send)

    return enter


def _knock_of_environ(environ: Environ) -> Knock:
    plan, get = current_plan(), environ.get
    forwarded_scheme = get(plan.scheme_header) if plan.scheme_header else None
    scheme = environ["wsgi.url_scheme"]
    return Knock(
        environ["REQUEST_METHOD"],
        environ["PATH_INFO"],
        get("QUERY_STRING", ""),
        get(plan.host_header) or get("HTTP_HOST", ""),
        scheme == "https" if forwarded_scheme is None else plan.is_https(forwarded_scheme),
        get("HTTP_COOKIE", ""),
        get("HTTP_AUTHORIZATION", ""),
        get("REMOTE_ADDR", ""),
        get("HTTP_X_FORWARDED_FOR"),
        get("HTTP_ORIGIN", ""),
        next(filter(None, map(get, plan.key_headers)), ""),
    )


def _knock_of_scope(scope: Any) -> Knock:
    """As Django's handler reads it: equal headers are joined by commas, but cookies by semicolons."""
    plan = current_plan()
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = plan.wanted_headers.get(name)
        if key is not None:
            text = value.decode("latin-1")
            found[key] = (
                f"{found[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}" if key in found else text
            )
    get, client = found.get, scope.get("client")
    forwarded_scheme = get(plan.scheme_header) if plan.scheme_header else None
    return Knock(
        scope["method"],
        scope["path"],
        scope.get("query_string", b"").decode("latin-1"),
        get(plan.host_header) or get("HTTP_HOST", ""),
        scope.get("scheme") == "https" if forwarded_scheme is None else plan.is_https(forwarded_scheme),
        get("HTTP_COOKIE", ""),
        get("HTTP_AUTHORIZATION", ""),
        client[0] if client else "",
        get("HTTP_X_FORWARDED_FOR"),
        get("HTTP_ORIGIN", ""),
        next(filter(None, map(get, plan.key_headers)), ""),
    )


async def _send(ready: Ready, send: Any) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in ready.headers]
    await send({"type": "http.response.start", "status": ready.status, "headers": headers})
    await send({"type": "http.response.body", "body": ready.body})
