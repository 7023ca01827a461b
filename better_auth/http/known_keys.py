"""What a door above has found out about the API key of a request, so that one request is one use of it."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest

from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.principal import Principal
from better_auth.events import AuthMethod

KNOWN = "_better_auth_key"


def keep(request: HttpRequest, shown: Credentials, found: Principal | InvalidCredentials | None) -> None:
    """A use of the key was counted, or refused for good: no other door counts it, or asks, again."""
    is_key = isinstance(found, Principal) and found.method is AuthMethod.API_KEY
    if is_key or (isinstance(found, InvalidCredentials) and found.is_final):
        setattr(request, KNOWN, (_key(shown), found))


def find(request: HttpRequest, shown: Credentials) -> Principal | None:
    """Whose API key was found with this request, if one was. Raises what another door was told instead."""
    key, found = getattr(request, KNOWN, (None, None))
    if key is None or key != _key(shown):
        return None
    if isinstance(found, InvalidCredentials):
        raise found
    principal: Principal | None = found
    return principal


def as_counted(request: HttpRequest, shown: Credentials) -> Credentials:
    """To be asked again, for other reasons, without a further use of the key. Raises as ``find``."""
    return replace(shown, is_counted=True) if find(request, shown) else shown


def _key(shown: Credentials) -> str | None:
    return shown.api_key or shown.bearer
