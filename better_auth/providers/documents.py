"""Discovery documents and key sets, kept in memory for a while.

A key set is read anew when a token names a key that is not in it, so that a key which the provider changed
between two sign-ins is no trouble; but not again and again for names that somebody makes up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from better_auth.providers import outgoing
from better_auth.providers.records import ProviderFailed

KEPT_SECONDS = 3600.0
MISS_SECONDS = 30.0
WELL_KNOWN = "/.well-known/openid-configuration"
Document = Mapping[str, Any]


@dataclass(slots=True)
class _Kept:
    document: Document
    read_at: float
    missed_at: float = float("-inf")


_kept: dict[str, _Kept] = {}
_lock = threading.Lock()


def forget() -> None:
    """All of them; for tests, and for who wants to know how things are now."""
    with _lock:
        _kept.clear()


def discovered(url: str, *, issuer: str | None = None) -> Document:
    """The discovery document at a configured address. Raises ``ProviderFailed``.

    It must be by ``issuer``, or else by whom the address itself names (OpenID Connect Discovery 1.0, section
    4.3), and each endpoint in it must be safe to call.
    """
    document = _read(url)
    said = document.get("issuer")
    expected = issuer or (url.removesuffix(WELL_KNOWN) if url.endswith(WELL_KNOWN) else None)
    if not isinstance(said, str) or (expected is not None and said.rstrip("/") != expected.rstrip("/")):
        raise ProviderFailed("the discovery document is by another issuer")
    for name, value in document.items():
        is_address = name == "jwks_uri" or name.endswith("_endpoint")
        if is_address and not (isinstance(value, str) and outgoing.is_safe(value)):
            raise ProviderFailed("the discovery document names an address that is not safe to call")
    return document


def keys_at(url: str, kid: str | None) -> list[Mapping[str, Any]]:
    """The published keys that may have signed: those of this name, or all where a token names none.

    Raises ``ProviderFailed``.
    """
    found = _named(_read(url), kid)
    if found:
        return found
    kept = _kept.get(url)
    now = time.monotonic()
    if kept and now - kept.missed_at < MISS_SECONDS:
        return []
    document = _read(url, anew=True)
    with _lock:
        _kept[url].missed_at = now
    return _named(document, kid)


def _named(document: Document, kid: str | None) -> list[Mapping[str, Any]]:
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise ProviderFailed("the key set has no keys")
    usable = [key for key in keys if isinstance(key, dict) and key.get("use", "sig") == "sig"]
    return [key for key in usable if kid is None or key.get("kid") == kid]


def _read(url: str, *, anew: bool = False) -> Document:
    kept = _kept.get(url)
    if kept and not anew and time.monotonic() - kept.read_at < KEPT_SECONDS:
        return kept.document
    try:
        document = outgoing.fetch_json(url)
    except requests.RequestException as fault:
        if kept and not anew:
            return kept.document  # an older one beats none, while the provider is away
        host = urlsplit(url).hostname
        raise ProviderFailed(f"a document of {host} can't be read: {type(fault).__name__}") from None
    with _lock:
        missed_at = kept.missed_at if kept else float("-inf")
        _kept[url] = _Kept(document, time.monotonic(), missed_at)
    return document
