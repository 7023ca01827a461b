"""Who may send a request that changes something, and where it may lead.

Source: security-rules.md, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode, Forbidden
from better_auth.http.fields import is_truthy
from better_auth.http.trusted_urls import is_trusted_origin, is_trusted_url, origin_of

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FETCH_METADATA = ("HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_MODE", "HTTP_SEC_FETCH_DEST")
URL_FIELDS = (
    ("callbackURL", "callbackURL", ErrorCode.INVALID_CALLBACK_URL),
    ("redirectTo", "redirectURL", ErrorCode.INVALID_REDIRECT_URL),
    ("errorCallbackURL", "errorCallbackURL", ErrorCode.INVALID_ERROR_CALLBACK_URL),
    ("newUserCallbackURL", "newUserCallbackURL", ErrorCode.INVALID_NEW_USER_CALLBACK_URL),
)


def trusted_patterns() -> tuple[str, ...]:
    """The public origin and whatever the settings add."""
    own = origin_of(auth_settings.base_url)
    return (own, *auth_settings.trusted_origins) if own else auth_settings.trusted_origins


def ensure_origin(request: HttpRequest) -> None:
    """A request that brings cookies and changes something must come from a trusted origin.

    Without cookies there is nothing that a foreign page could abuse, so programs need no origin.
    """
    if request.method not in SAFE_METHODS and request.META.get("HTTP_COOKIE"):
        ensure_trusted_origin(request)


def ensure_trusted_origin(request: HttpRequest) -> None:
    """Raises ``MISSING_OR_NULL_ORIGIN`` or ``INVALID_ORIGIN``."""
    origin = request.META.get("HTTP_ORIGIN") or request.META.get("HTTP_REFERER") or ""
    if origin == "null" and request.META.get("HTTP_SEC_FETCH_SITE") == "same-origin":
        origin = own_origin(request)
    if not origin or origin == "null":
        raise Forbidden(ErrorCode.MISSING_OR_NULL_ORIGIN)
    if not is_trusted_origin(origin, trusted_patterns()):
        raise Forbidden(ErrorCode.INVALID_ORIGIN)


def ensure_no_cross_site_form(request: HttpRequest) -> None:
    """Sign-in and sign-up: no foreign page may sign a visitor in (login CSRF)."""
    headers = request.META
    if headers.get("HTTP_COOKIE"):
        ensure_trusted_origin(request)
    elif any(headers.get(name, "").strip() for name in FETCH_METADATA):
        if (
            headers.get("HTTP_SEC_FETCH_SITE") == "cross-site"
            and headers.get("HTTP_SEC_FETCH_MODE") == "navigate"
        ):
            raise Forbidden(ErrorCode.CROSS_SITE_NAVIGATION_LOGIN_BLOCKED)
        ensure_trusted_origin(request)
    elif headers.get("HTTP_ORIGIN") or headers.get("HTTP_REFERER"):
        ensure_trusted_origin(request)


def ensure_trusted_urls(body: Any, query: Mapping[str, Any]) -> None:
    """Every URL to lead the client to, in any request that changes something, before its schema is read."""
    members = body if isinstance(body, Mapping) else {}
    for name, label, code in URL_FIELDS:
        value = members.get(name)
        if name == "callbackURL" and not is_truthy(value):
            value = query.get(name)
        if not is_truthy(value):
            continue
        if not isinstance(value, str):
            raise BadRequest(message=f"Invalid {label}: expected a string")
        ensure_trusted_url(value, code)


def ensure_trusted_url(url: str, code: ErrorCode = ErrorCode.INVALID_CALLBACK_URL) -> None:
    """Raises ``Forbidden`` with ``code``; an empty URL is no URL."""
    if url and not is_trusted_url(url, trusted_patterns()):
        raise Forbidden(code)


def own_origin(request: HttpRequest) -> str:
    """The origin that the browser sent this request to."""
    try:
        return f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        return "null"
