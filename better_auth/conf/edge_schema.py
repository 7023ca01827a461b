"""The settings of what front ends on other origins meet: CORS and the auth proxy; a part of ``schema``."""

from __future__ import annotations

from dataclasses import dataclass

from better_auth.conf.declaring import setting


@dataclass(frozen=True, slots=True)
class CorsSettings:
    enabled: bool = setting(
        True,
        "Scripts of TRUSTED_ORIGINS may read what our endpoints answer, for the person that is signed in.",
        env="BETTER_AUTH_CORS_ENABLED",
    )
    max_age: int = setting(
        7200,
        "Seconds that a browser may remember what it was allowed.",
        env="BETTER_AUTH_CORS_MAX_AGE",
        at_least=0,
    )
    allowed_headers: tuple[str, ...] = setting(
        (),
        "Headers that scripts may send, beside those that clients of the protocol do.",
        env="BETTER_AUTH_CORS_ALLOWED_HEADERS",
    )
    exposed_headers: tuple[str, ...] = setting(
        (),
        "Headers that scripts may read, beside those of the protocol.",
        env="BETTER_AUTH_CORS_EXPOSED_HEADERS",
    )


@dataclass(frozen=True, slots=True)
class AuthProxySettings:
    path: str = setting(
        "/api/auth-proxy",
        "Path below which the auth proxy is mounted; where AUTH_SERVER.URL is set, at that server, too.",
        env="BETTER_AUTH_PROXY_PATH",
    )
