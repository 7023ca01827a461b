"""The settings of services that trust another server's tokens; a part of ``schema``."""

from __future__ import annotations

from dataclasses import dataclass

from better_auth.conf.declaring import setting


@dataclass(frozen=True, slots=True)
class AuthServerSettings:
    url: str | None = setting(
        None,
        "Origin of the auth server, as this service reaches it; with a path, where its endpoints are not "
        "below ``/api/auth``.",
        env="AUTH_SERVER_URL",
    )
    client_id: str | None = setting(
        None,
        "This service's name in ``INTROSPECTION.SECRETS`` of the auth server.",
        env="BETTER_AUTH_CLIENT_ID",
    )
    client_secret: str | None = setting(
        None, "The secret that goes with it.", env="BETTER_AUTH_CLIENT_SECRET"
    )
    connect_timeout_ms: int = setting(
        1000, "Milliseconds to connect.", env="BETTER_AUTH_SERVER_CONNECT_TIMEOUT_MS", at_least=1
    )
    timeout_ms: int = setting(
        3000,
        "Milliseconds that a call may take, further tries included.",
        env="BETTER_AUTH_SERVER_TIMEOUT_MS",
        at_least=1,
    )
    retries: int = setting(
        2,
        "Further tries of a call that may be repeated, while there is time.",
        env="BETTER_AUTH_SERVER_RETRIES",
        at_least=0,
    )
    max_connections: int = setting(
        20,
        "Connections of one process, kept open; calls beyond wait half a second for one.",
        env="BETTER_AUTH_SERVER_MAX_CONNECTIONS",
        at_least=1,
    )
    breaker_failures: int = setting(
        5,
        "Failures in a row after which the auth server is left alone.",
        env="BETTER_AUTH_SERVER_BREAKER_FAILURES",
        at_least=1,
    )
    breaker_seconds: int = setting(
        2,
        "Seconds that it is left alone at first; twice as long after each vain probe, up to 30.",
        env="BETTER_AUTH_SERVER_BREAKER_SECONDS",
        at_least=1,
    )


@dataclass(frozen=True, slots=True)
class ResourceServerSettings:
    issuer: str | None = setting(
        None,
        "``iss`` of the auth server's tokens; unset: the origin of AUTH_SERVER.URL.",
        env="BETTER_AUTH_RESOURCE_ISSUER",
    )
    audiences: tuple[str, ...] = setting(
        (),
        "What ``aud`` of a token for this service may be; unset: the issuer, as the protocol has it.",
        env="BETTER_AUTH_RESOURCE_AUDIENCES",
    )
    token_cache_seconds: int = setting(
        300,
        "Seconds that the auth server's word on an opaque token is good for, never past the token's end: the "
        "longest that a revocation goes unnoticed. 0 asks each time.",
        env="BETTER_AUTH_RESOURCE_TOKEN_CACHE_SECONDS",
        at_least=0,
    )
    refused_cache_seconds: int = setting(
        10,
        "The same for tokens that it has refused.",
        env="BETTER_AUTH_RESOURCE_REFUSED_CACHE_SECONDS",
        at_least=0,
    )
    token_cache_entries: int = setting(
        10_000,
        "Tokens that a process keeps of each of the two sorts, of some 2 KB each.",
        env="BETTER_AUTH_RESOURCE_TOKEN_CACHE_ENTRIES",
        at_least=1,
    )
    jwks_seconds: int = setting(
        300,
        "Seconds after which the key set is fetched anew behind the requests, or sooner where the auth "
        "server says so. A withdrawn key is refused after twice as long.",
        env="BETTER_AUTH_RESOURCE_JWKS_SECONDS",
        at_least=10,
    )
    jwks_kept_seconds: int = setting(
        86400,
        "Seconds that the key set serves while it can't be fetched.",
        env="BETTER_AUTH_RESOURCE_JWKS_KEPT_SECONDS",
        at_least=10,
    )
    unknown_key_seconds: int = setting(
        10,
        "Seconds in which the key set is fetched once at most for tokens that name a key it does not have.",
        env="BETTER_AUTH_RESOURCE_UNKNOWN_KEY_SECONDS",
        at_least=1,
    )
    introspect_jwts: bool = setting(
        False,
        "Ask the auth server about JWTs that no key of its set has signed, too: legacy tokens, and HS256.",
        env="BETTER_AUTH_RESOURCE_INTROSPECT_JWTS",
    )
