"""``/metrics``, for Prometheus: allowed by address or by token."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from better_auth.authorization_header import bearer_token
from better_auth.conf import auth_settings
from better_auth.http.client_ip import parse_proxies
from better_auth.http.credentials import from_request
from better_auth.observability.metrics import render


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Everything that is counted; 403 for whoever may not see it."""
    if not is_allowed(request):
        return HttpResponse("Forbidden\n", status=403, content_type="text/plain")
    return HttpResponse(render(), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def is_allowed(request: HttpRequest) -> bool:
    """By the token of the settings, or from one of their addresses.

    A request that came through a proxy which is not named as trusted shows the proxy's address: it is
    refused, or a proxy on this machine would open the page to everybody.
    """
    rules = auth_settings.metrics
    token = bearer_token(request.META.get("HTTP_AUTHORIZATION", ""))
    if rules.token and token and hmac.compare_digest(token.encode(), rules.token.encode()):
        return True
    if request.META.get("HTTP_X_FORWARDED_FOR") and not auth_settings.trusted_proxies:
        return False
    try:
        address = ip_address(from_request(request).client.ip_address)
    except ValueError:
        return False
    return any(address in network for network in parse_proxies(rules.allowed_addresses))


urlpatterns = [path("metrics", metrics)]
