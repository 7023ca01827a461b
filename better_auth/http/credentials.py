"""From a Django request to ``Credentials``; the only place that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from better_auth.authentication.credentials import Credentials
from better_auth.authorization_header import basic_credentials, bearer_token, header_token
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
        client=client_of(request, jar),
        renew=renew,
        from_store=from_store,
        for_session=for_session,
        header_token=header_token(authorization) if authorization else None,
        takes_legacy=takes_legacy,
    )


def client_of(request: HttpRequest, jar: Mapping[str, str]) -> Client:
    user_agent = request.META.get("HTTP_USER_AGENT", "").replace("\x00", "")
    device_id, accounts = known_devices.read(jar)
    return Client(client_address(request), user_agent, device_id, accounts)


def shown_secret(request: HttpRequest, body: Mapping[str, Any]) -> tuple[str, str] | None:
    """A service's name and secret, in the body or in the header (RFC 6749, section 2.3.1)."""
    name, secret = body.get("client_id"), body.get("client_secret")
    if name and secret:
        return name, secret
    return basic_credentials(request.META.get("HTTP_AUTHORIZATION", ""))
