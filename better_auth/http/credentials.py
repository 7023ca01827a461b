"""From a Django request to ``Credentials``; the only place that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from better_auth.authentication.cookie_names import TRUST_DEVICE, cookie_name
from better_auth.authentication.credentials import Credentials
from better_auth.authorization_header import basic_credentials, bearer_token, header_token
from better_auth.conf import auth_settings
from better_auth.crypto.signing import unsign_value
from better_auth.events import Client
from better_auth.http import cookies, known_devices
from better_auth.http.request_headers import client_address, cookie_header


def from_request(
    request: HttpRequest,
    *,
    renew: bool = True,
    from_store: bool = False,
    for_session: bool = False,
    takes_legacy: bool = True,
) -> Credentials:
    """``renew``: whether using the session may prolong it; ``from_store``: never trust what is remembered;
    ``for_session``: only a session will do; ``takes_legacy``: or a credential of the former system."""
    jar = cookies.parse(cookie_header(request))
    authorization = request.META.get("HTTP_AUTHORIZATION", "")
    return Credentials(
        cookies=jar,
        bearer=bearer_token(authorization),
        api_key=_api_key(request, for_session=for_session),
        client=client_of(request, jar),
        renew=renew,
        from_store=from_store,
        for_session=for_session,
        header_token=header_token(authorization) if authorization else None,
        takes_legacy=takes_legacy,
    )


def api_key_header(name: str) -> str:
    """A header for API keys, as WSGI names it."""
    return "HTTP_" + name.upper().replace("-", "_")


def _api_key(request: HttpRequest, *, for_session: bool) -> str | None:
    """Of the first header for API keys that is there; None where keys are no sessions and one is wanted."""
    rules = auth_settings.api_keys
    if for_session and not rules.opens_sessions:
        return None
    shown = (request.META.get(api_key_header(name)) for name in rules.headers)
    return next(filter(None, shown), None)


def client_of(request: HttpRequest, jar: Mapping[str, str]) -> Client:
    user_agent = request.META.get("HTTP_USER_AGENT", "").replace("\x00", "")
    device_id, accounts = known_devices.read(jar)
    trusted = jar.get(cookie_name(TRUST_DEVICE))
    trusted_device = unsign_value(trusted, secret=auth_settings.secret) if trusted else None
    return Client(
        client_address(request), user_agent, device_id, accounts, trusted_device=trusted_device or ""
    )


def shown_secret(request: HttpRequest, body: Mapping[str, Any]) -> tuple[str, str] | None:
    """A service's name and secret, in the body or in the header (RFC 6749, section 2.3.1)."""
    name, secret = body.get("client_id"), body.get("client_secret")
    if name and secret:
        return name, secret
    return basic_credentials(request.META.get("HTTP_AUTHORIZATION", ""))
