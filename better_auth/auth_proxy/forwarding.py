"""The auth proxy of a service whose users are at another auth server: everything is passed on to that one.

Where to is the settings' and this module's word alone: the auth server's own auth proxy, under the same
name. Of a request and an answer only what both sides mean for each other goes through; cookies are the auth
server's by their prefix. No model is needed. Sources: RFC 9110, sections 7.6 and 15.6; attacks.md, A27, B30
and D18.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator

import httpx
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from better_auth import rate_limits
from better_auth.auth_proxy import routes
from better_auth.auth_proxy.routes import ROUTES, Route
from better_auth.auth_server.connection import Call, Reply, auth_server
from better_auth.conf import auth_settings
from better_auth.errors import (
    AuthError,
    AuthServerMisbehaves,
    AuthServerTimeout,
    AuthServerUnavailable,
    BadRequest,
    ErrorCode,
    HeadersTooLarge,
)
from better_auth.events import Client
from better_auth.http.bodies import read_bytes
from better_auth.http.request_headers import client_address, cookie_header
from better_auth.http.response_headers import SAFETY_HEADERS, Cookie, add_cookie
from better_auth.paced_log import PacedLog

log = PacedLog(logging.getLogger("better_auth.auth_proxy"))
# At DEBUG they write the headers of answers into the log, cookies and all.
for _name in ("httpcore.http11", "httpcore.http2"):
    if logging.getLogger(_name).level == logging.NOTSET:
        logging.getLogger(_name).setLevel(logging.INFO)

# Names this hop (RFC 9110, section 7.6.3), so that a request that comes back is known.
PSEUDONYM = "better-auth-proxy"
# All that the auth server needs of a request, beside its cookies and the client's address.
PASSED_ON = {
    "HTTP_ACCEPT": "Accept",
    "HTTP_ACCEPT_LANGUAGE": "Accept-Language",
    "HTTP_AUTHORIZATION": "Authorization",
    "CONTENT_TYPE": "Content-Type",
    "HTTP_ORIGIN": "Origin",
    "HTTP_REFERER": "Referer",
    "HTTP_SEC_FETCH_DEST": "Sec-Fetch-Dest",
    "HTTP_SEC_FETCH_MODE": "Sec-Fetch-Mode",
    "HTTP_SEC_FETCH_SITE": "Sec-Fetch-Site",
    "HTTP_USER_AGENT": "User-Agent",
    "HTTP_X_CAPTCHA_RESPONSE": "X-Captcha-Response",
}
# And of an answer, beside its cookies.
PASSED_BACK = (
    "Access-Control-Expose-Headers",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-Retry-After",
    "set-auth-jwt",
    "set-auth-token",
    "set-ott",
)
MEDIA_TYPES = ("application/json", "text/plain")
# What every server in between takes.
LONGEST_HEADERS = 16 * 1024
LONGEST_QUERY = 8 * 1024
PRINTABLE = re.compile(r"[\x20-\x7e]*")
QUERY = re.compile(r"[!-~]*")
PROVIDER = re.compile(r"[A-Za-z0-9_-]{1,64}")

View = Callable[..., HttpResponse]


def view_of(route: str) -> View:
    name, rules = routes.name_of(route), ROUTES[route]

    @transaction.non_atomic_requests
    @csrf_exempt  # whose request it is, the auth server finds out by its origin
    def view(request: HttpRequest, provider: str = "") -> HttpResponse:
        if request.method not in rules.methods or (provider and not PROVIDER.fullmatch(provider)):
            return _nothing(request)
        if routes.own_path(route) in auth_settings.disabled_paths:
            return _safe(HttpResponse("Not Found", status=404, content_type="text/plain"))
        try:
            return _forward(request, f"{name}/{provider}" if provider else name, rules)
        except AuthError as refusal:
            return _safe(JsonResponse(refusal.body, status=refusal.status, headers=refusal.headers))

    return view


def _forward(request: HttpRequest, name: str, route: Route) -> HttpResponse:
    address = client_address(request)
    rate_limits.ensure_rate(route.counted_as, Client(address))
    if PSEUDONYM in request.META.get("HTTP_VIA", ""):
        log.say(logging.ERROR, "the auth proxy was led back to itself: AUTH_SERVER.URL names no auth server")
        raise AuthServerMisbehaves
    call = Call(
        operation=f"proxy_{name.partition('/')[0]}",
        method=request.method or "",
        path=f"{auth_settings.auth_proxy.path}/{name}{_query(request) if route.leads_on else ''}",
        is_from_root=True,
        headers=_headers(request, address),
        content=read_bytes(request) if request.method == "POST" else None,
        is_repeatable=route.only_reads,
    )
    try:
        reply = auth_server().send(call)
    except AuthServerUnavailable as fault:
        if isinstance(fault.__cause__, httpx.ReadTimeout | httpx.WriteTimeout):
            raise AuthServerTimeout from fault
        raise
    return _relayed(reply, route)


def _headers(request: HttpRequest, address: str) -> dict[str, str]:
    """What no header could carry on is left out, as if it had not come."""
    shown = {name: request.META.get(key, "") for key, name in PASSED_ON.items()}
    shown["Cookie"] = "; ".join(_own_cookies(cookie_header(request)))
    headers = {name: text for name, text in shown.items() if text and PRINTABLE.fullmatch(text)}
    if sum(map(len, headers.values())) > LONGEST_HEADERS:
        raise HeadersTooLarge(ErrorCode.HEADERS_TOO_LARGE)
    # The client's own word counts for nothing here: this is the only address that the auth server hears of.
    forwarded = {"X-Forwarded-For": address} if address else {}
    return {**headers, **forwarded, "Via": f"1.1 {PSEUDONYM}"}


def _query(request: HttpRequest) -> str:
    query: str = request.META.get("QUERY_STRING", "")
    if len(query) > LONGEST_QUERY or not QUERY.fullmatch(query) or "#" in query:
        raise BadRequest(ErrorCode.BAD_REQUEST, "Invalid query")
    return f"?{query}" if query else ""


def _own_cookies(header: str) -> Iterator[str]:
    """The host's other cookies are no affair of the auth server's."""
    for part in header.split(";"):
        if _is_own(part.partition("=")[0]) and PRINTABLE.fullmatch(part):
            yield part.strip()


def _is_own(cookie_name: str) -> bool:
    bare = cookie_name.strip().removeprefix("__Secure-").removeprefix("__Host-")
    return bare.startswith(f"{auth_settings.cookies.prefix}.")


def _relayed(reply: Reply, route: Route) -> HttpResponse:
    if reply.is_trouble:
        raise AuthServerUnavailable
    media_type = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    is_encoded = reply.headers.get("Content-Encoding", "identity") != "identity"
    is_redirect = 300 <= reply.status < 400
    if (
        not 200 <= reply.status < 600
        or (is_redirect and not (route.leads_on and reply.status in (302, 303)))
        or (reply.content and (media_type not in MEDIA_TYPES or is_encoded))
    ):
        log.say(
            logging.ERROR,
            "the auth server answered with status %d and %s to the auth proxy",
            reply.status,
            media_type if media_type in MEDIA_TYPES else "what it never answers",
        )
        raise AuthServerMisbehaves
    response = HttpResponse(reply.content, status=reply.status, content_type=media_type)
    if not media_type:
        del response.headers["Content-Type"]
    for name in PASSED_BACK:
        if name in reply.headers:
            response.headers[name] = reply.headers[name]
    for header in reply.headers.get_list("Set-Cookie"):
        _pass_cookie_back(response, header)
    return _safe(response)


def _pass_cookie_back(response: HttpResponse, header: str) -> None:
    name, _, value = header.partition(";")[0].partition("=")
    if _is_own(name):
        add_cookie(response, Cookie(name.strip(), value.strip(), header))
    else:
        text = "a cookie of the auth server was dropped: COOKIES.PREFIX differs from that one's"
        log.say(logging.WARNING, text)


def _nothing(request: HttpRequest, **captured: str) -> HttpResponse:
    """404 without a body or its type, as the protocol has it."""
    response = _safe(HttpResponse(status=404))
    del response.headers["Content-Type"]
    return response


def _safe(response: HttpResponse) -> HttpResponse:
    for name, value in SAFETY_HEADERS.items():
        response.headers[name] = value
    return response


urlpatterns = [
    *(path(route, view_of(route), name=f"better-auth-proxy-{routes.name_of(route)}") for route in ROUTES),
    re_path(r"^.*$", csrf_exempt(_nothing), name="better-auth-proxy-not-found"),
]
