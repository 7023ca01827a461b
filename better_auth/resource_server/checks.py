"""System checks of a service that trusts an auth server elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from better_auth.conf import auth_settings


@register(Tags.urls)
def check_auth_server_url(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    url = auth_settings.auth_server.url or ""
    hint = "Set AUTH_SERVER_URL to scheme, host and port of the auth server: https://auth.example.com"
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return [Error("AUTH_SERVER.URL names no auth server.", hint=hint, id="better_auth.E020")]
    if "@" in parts.netloc or parts.query or parts.fragment:
        text = "AUTH_SERVER.URL holds more than an origin and a path."
        return [Error(text, hint=hint, id="better_auth.E021")]
    if apps.is_installed("better_auth") and url.rstrip("/") == auth_settings.base_url:
        text = "AUTH_SERVER.URL is this server itself, which would ask itself at each request."
        return [Error(text, hint="Leave it unset at the auth server.", id="better_auth.E022")]
    return []


@register(Tags.security)
def check_client_credentials(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    name, secret = auth_settings.auth_server.client_id, auth_settings.auth_server.client_secret
    if bool(name) != bool(secret):
        hint = "Set AUTH_SERVER.CLIENT_ID and AUTH_SERVER.CLIENT_SECRET both, or neither."
        return [Error("Of the service's name and secret one is missing.", hint=hint, id="better_auth.E023")]
    if not name and not apps.is_installed("better_auth"):  # which may have it for the auth proxy alone
        hint = "Set BETTER_AUTH_CLIENT_ID and BETTER_AUTH_CLIENT_SECRET to an entry of INTROSPECTION.SECRETS."
        text = "Without a name at the auth server only JWTs are accepted; opaque tokens are refused."
        return [Warning(text, hint=hint, id="better_auth.W008")]
    return []


@register(Tags.security, deploy=True)
def check_transport(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Over plain http whoever listens has the tokens and the secret, and whoever meddles chooses the keys."""
    parts = _split(auth_settings.auth_server.url or "")
    if parts is None or parts.scheme != "http" or _is_loopback(parts.hostname or ""):
        return []
    hint = "Use https, or silence this where the network between the two is trusted."
    text = "The auth server is asked over plain http."
    return [Warning(text, hint=hint, id="better_auth.W009")]


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is none
    except ValueError:
        return None
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
