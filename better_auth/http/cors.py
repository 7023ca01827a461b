"""Which answers scripts of other origins may read: ours, where the settings trust the origin.

Trust is the same that lets an origin send requests with cookies (``http.origin``), so nobody can read more
than what they could cause anyway. Source: the Fetch standard, "HTTP CORS protocol"; security-rules.md,
section 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from better_auth.conf import auth_settings
from better_auth.http.origin import trusted_patterns
from better_auth.http.trusted_urls import is_trusted_origin, origin_of

MIDDLEWARE = "better_auth.cors.CorsMiddleware"
KEY_SET = "/.well-known/jwks.json"
METHODS = "GET, POST"
# What the official client and its plugins send, and what they read.
REQUEST_HEADERS = ("Content-Type", "Authorization", "X-Captcha-Response", "X-Api-Key")
ANSWER_HEADERS = ("set-auth-token", "set-auth-jwt", "set-ott", "X-Retry-After", "Retry-After")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'^_`|~+.-]+")

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_LONGEST_ORIGIN = 512


def covers(path: str) -> bool:
    """Whether the path is one of ours; what the host's own views answer is the host's affair."""
    if not auth_settings.cors.enabled:
        return False
    mounts = (auth_settings.base_path, auth_settings.auth_proxy.path)
    return path == KEY_SET or any(path == mount or path.startswith(f"{mount}/") for mount in mounts)


def grants(origin: str, *, own_origin: str) -> bool:
    """Whether scripts of ``origin`` may read our answers; on our own origin nobody has to ask."""
    return bool(origin) and origin != own_origin and _is_trusted(origin, trusted_patterns())


def answer_headers(origin: str, *, exposed: str = "") -> dict[str, str]:
    """For an answer to a trusted origin. ``exposed``: what the answer itself says of its headers."""
    said = [name.strip() for name in exposed.split(",") if name.strip()]
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": _listed(said, ANSWER_HEADERS, auth_settings.cors.exposed_headers),
    }


def preflight_headers(origin: str) -> dict[str, str]:
    """What a browser asks before it sends a script's request."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": _listed(REQUEST_HEADERS, auth_settings.cors.allowed_headers),
        "Access-Control-Max-Age": str(auth_settings.cors.max_age),
    }


def _listed(*groups: Iterable[str]) -> str:
    """Each name once, whatever its case."""
    names = {name.lower(): name for group in reversed(groups) for name in group}
    ordered = dict.fromkeys(name.lower() for group in groups for name in group)
    return ", ".join(names[name] for name in ordered)


@lru_cache(maxsize=1024)
def _is_trusted(origin: str, patterns: tuple[str, ...]) -> bool:
    """Only as browsers spell an origin: what is echoed must be what was compared."""
    if len(origin) > _LONGEST_ORIGIN or not _ORIGIN.fullmatch(origin):
        return False
    return origin_of(origin) in (None, origin) and is_trusted_origin(origin, patterns)
