"""How a provider does: what its settings lack, and whether it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from better_auth.providers import documents, outgoing
from better_auth.providers.library import UnknownBackend
from better_auth.providers.provider import Provider
from better_auth.providers.records import AuthorizationRequest, ProviderFailed

# Public clients, and those whose secret is made of a key, have none.
NEEDS_NO_SECRET = frozenset({"apple"})


@dataclass(frozen=True, slots=True)
class Finding:
    """``is_error``: nobody can sign in with this provider as it is."""

    text: str
    is_error: bool = True


def examine(provider: Provider) -> list[Finding]:
    """What is wrong with a provider now; an empty list where nothing is. Asks it, some seconds at most."""
    found = list(_lacking(provider))
    return found if any(one.is_error for one in found) else [*found, *_unreachable(provider)]


def _lacking(provider: Provider) -> Iterator[Finding]:
    rules = provider.rules
    try:
        backend = provider.backend_class
    except UnknownBackend:
        yield Finding("nobody knows this provider: set DISCOVERY_URL, its addresses, or BACKEND")
        return
    if not rules.client_id:
        yield Finding("CLIENT_ID is missing")
    made = backend.name in NEEDS_NO_SECRET and rules.options.get("PRIVATE_KEY")
    if not rules.client_secret and not made:
        yield Finding("CLIENT_SECRET is missing: right for a public client only", is_error=False)


def _unreachable(provider: Provider) -> Iterator[Finding]:
    """What is kept is forgotten first: the question is how things are now."""
    documents.forget()
    try:
        url = provider.authorization_url(AuthorizationRequest(state="x" * 32, code_verifier="x" * 128))
        issuer_keys = provider.keys_url()
    except ProviderFailed as fault:
        yield Finding(str(fault))
        return
    if issuer_keys:
        try:
            if not documents.keys_at(issuer_keys, None):
                yield Finding("its key set is empty")
        except ProviderFailed as fault:
            yield Finding(str(fault))
        return
    parts = urlsplit(url)
    try:
        outgoing.fetch(f"{parts.scheme}://{parts.netloc}/")
    except outgoing.AnswerRefused:
        return  # a redirect or a long page: somebody is there
    except requests.RequestException as fault:
        yield Finding(f"{parts.hostname} can't be reached: {type(fault).__name__}")
