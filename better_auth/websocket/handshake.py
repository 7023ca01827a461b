"""From an ASGI scope to what a client has shown to be let in; nothing is looked up.

A token comes in a header, in ``Sec-WebSocket-Protocol``, in the query where the settings have it, in a
cookie, or later in the first message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Any
from urllib.parse import parse_qs, unquote

from better_auth.authorization_header import bearer_token, header_token
from better_auth.conf import auth_settings
from better_auth.http.client_ip import parse_proxies, resolve_client_ip

Scope = dict[str, Any]

# The one protocol that is ever selected where a token came among them: it says nothing about the token.
PROTOCOL = "better-auth"
TOKEN_PROTOCOL = "better-auth.token."
LONGEST_TOKEN = 16 * 1024


@dataclass(frozen=True, slots=True)
class Shown:
    """``token``: shown for this very socket, unlike a cookie, which a browser sends along; ``any_kind``: it
    may be whatever opens a socket, also what would have a header of its own; ``protocol``: to be selected."""

    headers: Mapping[str, str] = field(repr=False)
    address: str
    user_agent: str
    origin: str
    path: str
    protocol: str | None = None
    token: str = field(default="", repr=False)
    header_token: str | None = field(default=None, repr=False)
    any_kind: bool = False


def read(scope: Scope) -> Shown:
    """Never raises; what can't be read is not there."""
    headers = _headers(scope)
    offered = [str(one) for one in scope.get("subprotocols") or ()]
    token, any_kind = _token_among(offered), True
    authorization = headers.get("authorization", "")
    if not token:
        token, any_kind = bearer_token(authorization) or "", False
    if not token and auth_settings.websocket.token_in_query:
        token, any_kind = _token_in_query(scope.get("query_string", b"")), True
    client = scope.get("client")
    return Shown(
        headers=headers,
        address=resolve_client_ip(
            client[0] if client else "",
            headers.get("x-forwarded-for"),
            _proxies(auth_settings.trusted_proxies),
        ),
        user_agent=headers.get("user-agent", "").replace("\x00", ""),
        origin=headers.get("origin", ""),
        path=str(scope.get("path", "")),
        protocol=PROTOCOL if PROTOCOL in offered else None,
        token=token[:LONGEST_TOKEN],
        header_token=header_token(authorization) if authorization else None,
        any_kind=any_kind,
    )


def without_secrets(scope: Scope) -> Scope:
    """For the application: the token is taken out of protocols and query, which get into logs easily."""
    offered = [one for one in scope.get("subprotocols") or () if not one.startswith(TOKEN_PROTOCOL)]
    cleaned = {**scope, "subprotocols": offered}
    if b"sec-websocket-protocol" in dict(scope["headers"]):
        cleaned["headers"] = [
            (name, ", ".join(offered).encode("latin-1") if name == b"sec-websocket-protocol" else value)
            for name, value in scope["headers"]
        ]
    if auth_settings.websocket.token_in_query:
        parts = bytes(scope.get("query_string", b"")).split(b"&")
        cleaned["query_string"] = b"&".join(part for part in parts if not part.startswith(b"token="))
    return cleaned


def _headers(scope: Scope) -> dict[str, str]:
    """By name in lower case; several ``Cookie`` headers are joined as one (RFC 9113, section 8.2.3)."""
    found: dict[str, str] = {}
    for name_bytes, value_bytes in scope["headers"]:
        name, value = name_bytes.decode("latin-1").lower(), value_bytes.decode("latin-1")
        if name in found:
            value = f"{found[name]}{'; ' if name == 'cookie' else ','}{value}"
        found[name] = value
    return found


def _token_among(offered: list[str]) -> str:
    found = next((one for one in offered if one.startswith(TOKEN_PROTOCOL)), "")
    return unquote(found.removeprefix(TOKEN_PROTOCOL))


def _token_in_query(query: bytes) -> str:
    try:
        return parse_qs(query.decode("latin-1"), max_num_fields=100).get("token", [""])[0]
    except ValueError:
        return ""


@lru_cache(maxsize=8)
def _proxies(values: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return parse_proxies(values)
