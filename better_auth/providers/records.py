"""What a provider says, as plain values, and how it can fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint gave out. None of it is in a ``repr``."""

    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    access_token_expires_at: datetime | None = None
    refresh_token_expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """Who somebody is at a provider. ``subject``: the immutable id there; ``email`` as it is spelt there.

    ``email_verified`` only where the provider says so itself; ``raw``: all that it said.
    """

    subject: str
    name: str = ""
    email: str | None = None
    email_verified: bool = False
    image: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who has just shown who they are at a provider."""

    provider_id: str
    profile: Profile
    tokens: Tokens
    issuer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """What goes along on the way to a provider. ``scopes`` and ``params`` are the caller's own wishes."""

    state: str
    code_verifier: str = field(repr=False)
    nonce: str | None = None
    scopes: tuple[str, ...] = ()
    login_hint: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the provider sent somebody back with, and what was kept of the way there."""

    code: str = field(repr=False)
    state: str
    code_verifier: str = field(repr=False)
    nonce: str | None = None
    user: str | None = field(default=None, repr=False)
    device_id: str | None = None


class ProviderFailed(Exception):
    """A provider can't be asked, or its answer can't be used. The text holds no secret, and nothing that the
    provider wrote."""


class CodeRefused(ProviderFailed):
    """No tokens for this code."""


class ProfileRefused(ProviderFailed):
    """There are tokens, but nobody can tell from them who this is."""
