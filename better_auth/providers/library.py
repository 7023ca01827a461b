"""The other backends of social-core, each by its name: what the library knows of some hundred providers."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import social_core.backends
from django.utils.module_loading import import_string
from social_core.backends.oauth import BaseOAuth2
from social_core.backends.open_id_connect import OpenIdConnectAuth

from better_auth.providers import documents, id_tokens
from better_auth.providers.described import subject, text, truth
from better_auth.providers.guard import Guard
from better_auth.providers.id_tokens import ALGORITHMS, Claims, Expectations
from better_auth.providers.records import Profile, ProfileRefused

Backend = type[BaseOAuth2[Any]]


class UnknownBackend(LookupError):
    """Neither a name of the library's nor a path to a backend that can be used."""


class OpenIdGuard(Guard):
    """Before an OpenID backend of the library: our documents, and our own look at its ID tokens."""

    def oidc_config(self) -> dict[str, Any]:
        return dict(documents.discovered(self.oidc_config_url()))  # type: ignore[attr-defined]

    def validate_and_return_id_token(self, id_token: str, access_token: str) -> Claims:
        return self._verified(id_token, nonce=self.nonce)

    def validate_and_return_refresh_id_token(self, id_token: str, access_token: str) -> Claims:
        return self._verified(id_token, nonce=None)

    def _verified(self, id_token: str, *, nonce: str | None) -> Claims:
        backend: Any = self
        offered = self.oidc_config().get("id_token_signing_alg_values_supported")
        names = offered if isinstance(offered, list) else backend.JWT_ALGORITHMS
        expected = Expectations(
            jwks_url=backend.jwks_uri(),
            issuers=(backend.id_token_issuer(),),
            audiences=tuple(backend.setting("AUDIENCES", ())),
            algorithms=tuple(one for one in ALGORITHMS if one in names),
        )
        return id_tokens.verify(id_token, expected, nonce=nonce)


@lru_cache(maxsize=64)
def find_backend(name: str) -> Backend:
    """By dotted path, or by the library's name, with or without its ending ``-oauth2``.

    Raises ``UnknownBackend``; also for those of older protocols (OAuth 1, OpenID 2, SAML).
    """
    if "." in name:
        try:
            found = import_string(name)
        except (ImportError, TypeError, ValueError):  # no module, or no name of one
            raise UnknownBackend(name) from None
        if not (inspect.isclass(found) and issubclass(found, BaseOAuth2)):
            raise UnknownBackend(name)
        return found
    wanted = (name, f"{name}-oauth2", f"{name}_oauth2", f"{name}-openidconnect")
    found_by_name = {one.name: one for one in _candidates(name) if one.name in wanted}
    found_by_name = found_by_name or {one.name: one for one in _all() if one.name in wanted}
    for one in wanted:
        if one in found_by_name:
            return found_by_name[one]
    raise UnknownBackend(name)


def guard_of(backend: Backend) -> type[Guard]:
    return OpenIdGuard if issubclass(backend, OpenIdConnectAuth) else Guard


def binds_nonce(backend: Backend) -> bool:
    """Whether this OpenID backend sends a nonce; some providers return none."""
    return issubclass(backend, OpenIdConnectAuth) and backend.USE_NONCE


def read_profile(backend: Any, response: Mapping[str, Any]) -> Profile:
    """What the library makes of a profile. An address counts as verified only where the provider itself says
    ``email_verified``. Raises ``ProfileRefused``."""
    details = backend.get_user_details(response)
    if not isinstance(details, dict):
        raise ProfileRefused("no details")
    parts = (text(details.get("first_name")), text(details.get("last_name")))
    full = text(details.get("fullname")) or " ".join(filter(None, parts))
    raw = backend.profile_data if isinstance(backend.profile_data, dict) else {}
    email = text(details.get("email")) or None
    return Profile(
        subject=subject(backend.get_user_id(details, response)),
        name=full or text(details.get("username")),
        email=email,
        email_verified=truth(raw.get("email_verified")) and raw.get("email") == email,
        image=text(raw.get("picture")) or text(raw.get("avatar_url")) or None,
        raw=raw,
    )


def _candidates(name: str) -> Iterator[Backend]:
    """Of the modules that are likely to hold it, before all of them are read."""
    stem = name.replace("-", "_")
    for module in dict.fromkeys((stem, stem.removesuffix("_oauth2"), name.partition("-")[0])):
        yield from _backends_in(module)


def _all() -> Iterator[Backend]:
    for module in pkgutil.iter_modules(social_core.backends.__path__):
        yield from _backends_in(module.name)


def _backends_in(module: str) -> list[Backend]:
    if not module.isidentifier():
        return []
    try:
        loaded = importlib.import_module(f"social_core.backends.{module}")
    except ImportError:  # no such module, or one that needs a package which is not installed
        return []
    return [
        one
        for one in vars(loaded).values()
        if inspect.isclass(one)
        and issubclass(one, BaseOAuth2)
        and one.__module__ == loaded.__name__
        and one.name
    ]
