"""From a Django request to ``Credentials``; the only place that reads them."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from urllib.parse import unquote_plus

from django.http import HttpRequest

from better_auth.authentication.credentials import Credentials
from better_auth.conf import auth_settings
from better_auth.events import Client
from better_auth.http import cookies, known_devices
from better_auth.http.client_ip import parse_proxies, resolve_client_ip


def from_request(
    request: HttpRequest, *, renew: bool = True, from_store: bool = False, for_session: bool = False
) -> Credentials:
    """``renew``: whether using the session may prolong it; ``from_store``: never trust what is remembered;
    ``for_session``: only a session will do."""
    jar = cookies.parse(cookie_header(request))
    return Credentials(
        cookies=jar,
        bearer=bearer_token(request.META.get("HTTP_AUTHORIZATION", "")),
        client=client_of(request, jar),
        renew=renew,
        from_store=from_store,
        for_session=for_session,
    )


def cookie_header(request: HttpRequest) -> str:
    """The ``Cookie`` header. Over HTTP/2 browsers send it in pieces, to be joined by ``; ``
    (RFC 9113, section 8.2.3); Django's ASGI handler joins them by commas."""
    scope = getattr(request, "scope", None)
    if scope is None:
        return str(request.META.get("HTTP_COOKIE", ""))
    return "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")


def client_of(request: HttpRequest, jar: Mapping[str, str]) -> Client:
    address = resolve_client_ip(
        request.META.get("REMOTE_ADDR", ""),
        request.META.get("HTTP_X_FORWARDED_FOR"),
        _proxies(auth_settings.trusted_proxies),
    )
    user_agent = request.META.get("HTTP_USER_AGENT", "").replace("\x00", "")
    device_id, accounts = known_devices.read(jar)
    return Client(address, user_agent, device_id, accounts)


def bearer_token(header: str) -> str | None:
    """The token of ``Bearer <token>``; the scheme's case does not matter (RFC 6750)."""
    scheme, _, token = header.strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def basic_credentials(header: str) -> tuple[str, str] | None:
    """Name and secret of ``Basic``, each percent-encoded before they are joined (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (unquote_plus(name), unquote_plus(secret)) if colon else None


@lru_cache(maxsize=8)
def _proxies(values: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return parse_proxies(values)
