"""Headers of a Django request that are read in one way everywhere; needs no model."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

from django.http import HttpRequest

from better_auth.conf import auth_settings
from better_auth.http.client_ip import parse_proxies, resolve_client_ip


def cookie_header(request: HttpRequest) -> str:
    """The ``Cookie`` header. Over HTTP/2 browsers send it in pieces, to be joined by ``; ``
    (RFC 9113, section 8.2.3); Django's ASGI handler joins them by commas."""
    scope = getattr(request, "scope", None)
    if scope is None:
        return str(request.META.get("HTTP_COOKIE", ""))
    return "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")


def client_address(request: HttpRequest) -> str:
    """The client's address in its one spelling, or "" where nobody that we trust tells it."""
    return resolve_client_ip(
        request.META.get("REMOTE_ADDR", ""),
        request.META.get("HTTP_X_FORWARDED_FOR"),
        _proxies(auth_settings.trusted_proxies),
    )


@lru_cache(maxsize=8)
def _proxies(values: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return parse_proxies(values)
