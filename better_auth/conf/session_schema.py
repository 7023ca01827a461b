"""The settings of sessions and their cookies; a part of ``schema``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from better_auth.conf.declaring import group, setting


@dataclass(frozen=True, slots=True)
class CookieCacheSettings:
    enabled: bool = setting(
        False, "Keep a signed copy of the session in a cookie.", env="BETTER_AUTH_COOKIE_CACHE_ENABLED"
    )
    max_age: int = setting(
        300, "Seconds that the copy is good for.", env="BETTER_AUTH_COOKIE_CACHE_MAX_AGE", at_least=1
    )
    strategy: Literal["compact", "jwt", "jwe"] = setting(
        "compact",
        "Format of the copy: signed, signed as a JWT, or encrypted.",
        env="BETTER_AUTH_COOKIE_CACHE_STRATEGY",
    )
    version: str = setting(
        "1",
        "Copies of another version are ignored: change it to drop them all.",
        env="BETTER_AUTH_COOKIE_CACHE_VERSION",
    )


@dataclass(frozen=True, slots=True)
class SessionCacheSettings:
    seconds: int = setting(
        5,
        "Seconds that a process may answer a read from its memory; without Redis also the longest that a "
        "sign-out in one process goes unnoticed by another. 0 asks the store each time.",
        env="BETTER_AUTH_SESSION_CACHE_SECONDS",
        at_least=0,
    )
    entries: int = setting(
        10_000,
        "Sessions that a process keeps in its memory, of some 4 KB each.",
        env="BETTER_AUTH_SESSION_CACHE_ENTRIES",
        at_least=1,
    )
    shared_seconds: int = setting(
        60,
        "Seconds that a session is kept in the default cache's Redis; 0 does not use it.",
        env="BETTER_AUTH_SESSION_CACHE_SHARED_SECONDS",
        at_least=0,
    )


@dataclass(frozen=True, slots=True)
class SessionSettings:
    expires_in: int = setting(
        604800,
        "Seconds a session lives after its last renewal.",
        env="BETTER_AUTH_SESSION_EXPIRES_IN",
        at_least=1,
    )
    update_age: int = setting(
        86400,
        "Seconds after which use renews a session; 0 renews at each use.",
        env="BETTER_AUTH_SESSION_UPDATE_AGE",
        at_least=0,
    )
    fresh_age: int = setting(
        86400,
        "Seconds after sign-in in which a session counts as fresh; 0 means always.",
        env="BETTER_AUTH_SESSION_FRESH_AGE",
        at_least=0,
    )
    disable_refresh: bool = setting(
        False, "Never renew a session by use.", env="BETTER_AUTH_SESSION_DISABLE_REFRESH"
    )
    defer_refresh: bool = setting(
        False,
        "``GET /get-session`` never writes; the client renews by ``POST``.",
        env="BETTER_AUTH_SESSION_DEFER_REFRESH",
    )
    idle_timeout_minutes: int | None = setting(
        None,
        "End a session that was not used for so many minutes (accurate to one minute).",
        env="SESSION_TIMEOUT_MINUTES",
        at_least=1,
    )
    additional_fields: Mapping[str, Any] = setting(
        {}, "Fields of the host: name to options (type, required, input, returned, default, validator)."
    )
    cookie_cache: CookieCacheSettings = group(CookieCacheSettings, "The session copy in a cookie.")
    cache: SessionCacheSettings = group(SessionCacheSettings, "Verified sessions, kept for reads.")


@dataclass(frozen=True, slots=True)
class CookieSettings:
    prefix: str = setting("better-auth", "First part of each cookie's name.", env="BETTER_AUTH_COOKIE_PREFIX")
    secure: bool | None = setting(
        None,
        "Set ``Secure`` and the ``__Secure-`` prefix; unset: where BASE_URL is https.",
        env="BETTER_AUTH_COOKIE_SECURE",
    )
    domain: str | None = setting(
        None, "``Domain`` of the cookies, to share them between subdomains.", env="BETTER_AUTH_COOKIE_DOMAIN"
    )
    same_site: Literal["Lax", "Strict", "None"] = setting(
        "Lax", "``SameSite`` of the cookies; ``None`` needs https.", env="BETTER_AUTH_COOKIE_SAME_SITE"
    )
    partitioned: bool = setting(False, "Add ``Partitioned``.", env="BETTER_AUTH_COOKIE_PARTITIONED")
