"""``authenticate``: the authenticators of the settings, asked in their order.

Each answers None (not mine), a ``Principal``, or raises ``InvalidCredentials`` (mine, and bad). The doors
differ only in what they make of that: a protocol endpoint goes on as anonymous, DRF answers 401.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

from asgiref.sync import sync_to_async
from django.utils.module_loading import import_string

from better_auth.authentication import beside
from better_auth.authentication.credentials import (
    Credentials,
    InvalidBearer,
    InvalidCredentials,
    LegacyRefused,
)
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.events import observe

Authenticator = Callable[[Credentials], Principal | None]


def authenticate(credentials: Credentials) -> Principal | None:
    """Who is calling; None for nobody. Raises ``InvalidCredentials``."""
    is_asked = auth_settings.dual_auth.enabled and not credentials.api_key
    shown = beside.find_shown(credentials) if is_asked else None
    return beside.authenticate(credentials, shown, _ask) if shown else _ask(credentials)


def _ask(credentials: Credentials) -> Principal | None:
    """Our own authenticators, and the host's."""
    for authenticator in _resolve(auth_settings.authenticators):
        try:
            principal = authenticator(credentials)
        except InvalidCredentials:
            observe("token_validation", _scheme(authenticator), "refused")
            raise
        if principal is not None:
            observe("token_validation", _scheme(authenticator), "accepted")
            return principal
    return None


def authenticate_leniently(credentials: Credentials) -> Principal | None:
    """As the protocol's own endpoints do it: a bearer with a bad signature counts as none, and a cookie may
    still speak. A bare or well signed token outdoes the cookie, also when its session is over.

    Raises ``SessionEnded`` for the cookie or token of a dead session, ``LegacyRefused`` where nothing else
    speaks beside a credential of the former system that is not taken.
    """
    try:
        return authenticate(credentials)
    except InvalidBearer:
        return authenticate(replace(credentials, bearer=None))
    except LegacyRefused as refusal:
        with suppress(InvalidCredentials):
            principal = _ask(replace(credentials, bearer=None))
            if principal is not None:
                return principal
        raise refusal


def ask_ours(credentials: Credentials) -> Principal | None:
    """What our own authenticators say, with nothing counted. Raises ``InvalidCredentials``."""
    for authenticator in _resolve(auth_settings.authenticators):
        principal = authenticator(credentials)
        if principal is not None:
            return principal
    return None


# Crosses to a thread once, whatever the authenticators do there.
aauthenticate = sync_to_async(authenticate, thread_sensitive=True)


def _scheme(authenticator: Authenticator) -> str:
    """The authenticator's module, which names its scheme."""
    return authenticator.__module__.rpartition(".")[2]


@lru_cache(maxsize=8)
def _resolve(paths: tuple[str, ...]) -> tuple[Authenticator, ...]:
    return tuple(import_string(path) for path in paths)
