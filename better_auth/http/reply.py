"""What an endpoint answers, before it becomes a response of Django or of DRF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from django.http import HttpResponse
from django.utils.encoding import iri_to_uri

from better_auth.conf import auth_settings
from better_auth.crypto.signing import sign_raw
from better_auth.errors import AuthError
from better_auth.http.response_headers import SAFETY_HEADERS, Cookie, add_cookie
from better_auth.sessions import IssuedSession, Keepsake

Response = TypeVar("Response", bound=HttpResponse)
NO_BODY = object()
JSON = "application/json"


@dataclass(slots=True)
class Reply:
    """``session``: to be handed to the client; ``clears_session``: the client should forget the one it has.
    ``keepsakes``: what else it should keep for us, or forget.

    ``request_path`` (the operation's own), ``request_cookies`` and ``request_bearer`` are filled in by the
    edge, for the deliveries. ``read_at_ms``: when the session was
    read, where that is not now; a copy of it is no younger.
    """

    body: Any = NO_BODY
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON
    session: IssuedSession | None = None
    clears_session: bool = False
    keepsakes: tuple[Keepsake, ...] = ()
    cookies: dict[str, Cookie] = field(default_factory=dict, repr=False)
    request_path: str = ""
    request_cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    request_bearer: str | None = field(default=None, repr=False)
    read_at_ms: int | None = None

    def expose(self, header: str, value: str) -> None:
        """Set a header that scripts of other origins may read."""
        self.headers[header] = value
        exposed = self.headers.get("Access-Control-Expose-Headers")
        self.headers["Access-Control-Expose-Headers"] = f"{exposed}, {header}" if exposed else header


def location(url: str) -> dict[str, str]:
    """The header ``Location``; what a header can't carry is percent-encoded, as a browser writes it."""
    return {"Location": iri_to_uri(url)}


def redirect(url: str) -> Reply:
    """302 with an empty body, as the protocol redirects (core.md, section 0)."""
    return Reply(status=302, headers=location(url))


def error_reply(error: AuthError) -> Reply:
    body = NO_BODY if error.body is None else error.body
    return Reply(body=body, status=error.status, headers=dict(error.headers))


def deliver_bearer_token(issued: IssuedSession, reply: Reply) -> None:
    """The signed token for clients without cookies (sessions-and-cookies.md, section 6)."""
    if "bearer" in auth_settings.features:
        reply.expose("set-auth-token", sign_raw(issued.token, secret=auth_settings.secret))


def encode(reply: Reply) -> bytes:
    """The body as bytes; bytes and text are taken as they are, everything else becomes JSON."""
    if reply.body is NO_BODY:
        return b""
    if isinstance(reply.body, bytes):
        return reply.body
    return reply.body.encode() if reply.content_type != JSON else orjson.dumps(reply.body)


def to_response(reply: Reply) -> HttpResponse:
    response = HttpResponse(encode(reply), status=reply.status, content_type=reply.content_type)
    return dress(response, reply)


def dress(response: Response, reply: Reply) -> Response:
    """Put headers and cookies on a response."""
    if not reply.content_type:
        del response.headers["Content-Type"]
    for name, value in all_headers(reply).items():
        response.headers[name] = value
    add_cookies(response, reply)
    return response


def all_headers(reply: Reply) -> dict[str, str]:
    """With those of every answer, unless the reply has its own word; an empty one takes a header away."""
    return {name: value for name, value in (SAFETY_HEADERS | reply.headers).items() if value}


def public(max_age: int) -> dict[str, str]:
    """Headers of an answer that anybody may keep for so many seconds."""
    return {"Cache-Control": f"public, max-age={max_age}", "Pragma": ""}


def add_cookies(response: HttpResponse, reply: Reply) -> None:
    for cookie in reply.cookies.values():
        add_cookie(response, cookie)
