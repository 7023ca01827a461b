"""What the front door needs of the settings, worked out once: its routes, headers, names and conditions."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import orjson
from django.conf import settings
from django.core.signals import setting_changed
from django.http.request import split_domain_port, validate_host
from django.utils.module_loading import import_string

from better_auth import factor_requirements
from better_auth.authentication.cookie_names import DONT_REMEMBER, SESSION_DATA, SESSION_TOKEN, cookie_name
from better_auth.conf import auth_settings
from better_auth.conf.schema import DEFAULT_AUTHENTICATORS
from better_auth.http import cors, session_jwt
from better_auth.http.client_ip import parse_proxies
from better_auth.http.credentials import api_key_header
from better_auth.http.reply import JSON, public
from better_auth.http.response_headers import SAFETY_HEADERS
from better_auth.legacy_credentials.schemes import SESSIONS, is_on, rules_of

WANTED = (
    "HTTP_AUTHORIZATION",
    "HTTP_COOKIE",
    "HTTP_HOST",
    "HTTP_ORIGIN",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
)
LOCAL_HOSTS = (".localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class Route:
    """``path``: what limits count by; ``name``: of the operation behind it; ``body``: if it never varies;
    ``mints``: a JWT of the session; ``shows_keys``: the key set that verifies it."""

    path: str
    name: str
    shows_session: bool = False
    mints: bool = False
    shows_keys: bool = False
    body: bytes = b""


ROUTES = {
    "/get-session": Route("/get-session", "get_session", shows_session=True),
    "/session": Route("/get-session", "get_session", shows_session=True),
    "/token": Route("/token", "get_token", mints=True),
    "/jwks": Route("/jwks", "jwks", shows_keys=True),
    "/.well-known/jwks.json": Route("/jwks", "jwks", shows_keys=True),
    "/ok": Route("/ok", "ok", body=orjson.dumps({"ok": True})),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """``opens_sessions``: whether reads of sessions are as simple as the door takes them to be;
    ``takes_legacy``: and so may be credentials of the former system, ``prefers_legacy``: before ours;
    ``takes_api_keys``: an API key is a session, too; ``announces_jwt``: they carry a JWT;
    ``grants_origins``: scripts of trusted origins may read them.

    ``host_header`` and ``scheme_header``: those of a proxy, as WSGI names them, or empty; ``key_headers``:
    those of API keys; ``wanted_headers``: ASGI's names to WSGI's.
    """

    is_open: bool
    opens_sessions: bool
    takes_api_keys: bool
    routes: dict[str, Route]
    session_cookie: str
    session_data: str
    dont_remember: str
    secret: str = field(repr=False)
    takes_bearer: bool
    takes_legacy: bool
    prefers_legacy: bool
    legacy_cookie: str
    announces_jwt: bool
    grants_origins: bool
    has_limits: bool
    wants_https: bool
    host_header: str
    scheme_header: str
    https_scheme: str
    key_headers: tuple[str, ...]
    wanted_headers: dict[bytes, str]
    plain_headers: list[tuple[str, str]]
    https_headers: list[tuple[str, str]]
    proxies: tuple[IPv4Network | IPv6Network, ...]

    def headers(self, is_https: bool) -> list[tuple[str, str]]:
        return self.https_headers if is_https else self.plain_headers

    def public_headers(self, is_https: bool) -> list[tuple[str, str]]:
        """Of what anybody may keep for a while: the key set."""
        own = public(auth_settings.jwt.jwks_max_age)
        told = [(name, own.get(name, value)) for name, value in self.headers(is_https)]
        return [(name, value) for name, value in told if value]

    def is_https(self, forwarded_scheme: str) -> bool:
        return forwarded_scheme.split(",", 1)[0].strip() == self.https_scheme


@lru_cache(maxsize=1)
def current_plan() -> Plan:
    rules, wants_https = auth_settings.session, settings.SECURE_SSL_REDIRECT
    scheme_header, https_scheme = getattr(settings, "SECURE_PROXY_SSL_HEADER", None) or ("", "")
    is_peculiar = settings.PREPEND_WWW or bool(settings.DISALLOWED_USER_AGENTS)
    is_simple = not (rules.cookie_cache.enabled or rules.defer_refresh)
    has_jwt = session_jwt.is_on()
    key_headers = tuple(map(api_key_header, auth_settings.api_keys.headers))
    return Plan(
        is_open=auth_settings.front_door,
        # Whoever must enrol first gets no JWT; who that is, Django finds out.
        opens_sessions=is_simple
        and _are_known(auth_settings.authenticators)
        and not (has_jwt and factor_requirements.are_configured()),
        takes_api_keys=auth_settings.api_keys.opens_sessions,
        routes={} if is_peculiar else _routes(has_jwt=has_jwt),
        session_cookie=cookie_name(SESSION_TOKEN),
        session_data=cookie_name(SESSION_DATA),
        dont_remember=cookie_name(DONT_REMEMBER),
        secret=auth_settings.secret,
        takes_bearer="bearer" in auth_settings.features,
        takes_legacy=auth_settings.dual_auth.enabled,
        prefers_legacy=auth_settings.dual_auth.enabled and not auth_settings.dual_auth.prefer_better_auth,
        legacy_cookie=rules_of(SESSIONS).cookie_name if is_on(SESSIONS) else "",
        announces_jwt=has_jwt and auth_settings.jwt.in_header,
        grants_origins=_has_cors(),
        has_limits=auth_settings.rate_limit.is_on,
        wants_https=wants_https,
        host_header="HTTP_X_FORWARDED_HOST" if settings.USE_X_FORWARDED_HOST else "",
        scheme_header=scheme_header,
        https_scheme=https_scheme,
        key_headers=key_headers,
        wanted_headers={_asgi_name(name): name for name in (*WANTED, *key_headers, scheme_header) if name},
        plain_headers=_headers(is_https=False),
        https_headers=_headers(is_https=True),
        proxies=parse_proxies(auth_settings.trusted_proxies),
    )


@lru_cache(maxsize=256)
def is_expected_host(host: str) -> bool:
    """As Django decides it; a host that it would refuse is left to it."""
    allowed: list[str] = settings.ALLOWED_HOSTS
    if settings.DEBUG and not allowed:
        allowed = [*LOCAL_HOSTS]
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)


def _routes(*, has_jwt: bool) -> dict[str, Route]:
    base, disabled = "/" + auth_settings.base_path.strip("/"), set(auth_settings.disabled_paths)
    return {
        base + path: route
        for path, route in ROUTES.items()
        if (has_jwt or not (route.mints or route.shows_keys)) and not disabled & _spellings(route)
    }


def _are_known(authenticators: tuple[str, ...]) -> bool:
    """Ours, and beside them only such as say that they look at API keys alone (``reads_api_keys_alone``)."""
    ours = tuple(one for one in authenticators if one in DEFAULT_AUTHENTICATORS)
    others = (one for one in authenticators if one not in DEFAULT_AUTHENTICATORS)
    return ours == DEFAULT_AUTHENTICATORS and all(
        getattr(import_string(one), "reads_api_keys_alone", False) for one in others
    )


def _asgi_name(wsgi_name: str) -> bytes:
    return wsgi_name.removeprefix("HTTP_").replace("_", "-").lower().encode()


def _spellings(route: Route) -> set[str]:
    return {path for path, one in ROUTES.items() if one.name == route.name}


def _headers(*, is_https: bool) -> list[tuple[str, str]]:
    """Those of every reply, and what Django's own middleware adds, as far as it is in use."""
    headers = {"Content-Type": JSON, **SAFETY_HEADERS}
    if "django.middleware.security.SecurityMiddleware" in settings.MIDDLEWARE:
        if settings.SECURE_CROSS_ORIGIN_OPENER_POLICY:
            headers["Cross-Origin-Opener-Policy"] = settings.SECURE_CROSS_ORIGIN_OPENER_POLICY
        if is_https and settings.SECURE_HSTS_SECONDS:
            headers["Strict-Transport-Security"] = "; ".join(
                [
                    f"max-age={settings.SECURE_HSTS_SECONDS}",
                    *(["includeSubDomains"] if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else []),
                    *(["preload"] if settings.SECURE_HSTS_PRELOAD else []),
                ]
            )
    if "django.middleware.clickjacking.XFrameOptionsMiddleware" in settings.MIDDLEWARE:
        headers["X-Frame-Options"] = settings.X_FRAME_OPTIONS.upper()
    if _has_cors():
        headers["Vary"] = "Origin"
    return list(headers.items())


def _has_cors() -> bool:
    return bool(auth_settings.cors.enabled) and cors.MIDDLEWARE in settings.MIDDLEWARE


def _forget(**kwargs: Any) -> None:
    current_plan.cache_clear()
    is_expected_host.cache_clear()


setting_changed.connect(_forget, dispatch_uid="better_auth.door_plan")
