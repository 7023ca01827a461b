"""System checks of providers: what the settings alone can tell. ``manage.py check_providers`` asks the
providers as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from better_auth.providers import registry
from better_auth.providers.library import UnknownBackend
from better_auth.providers.outgoing import is_safe
from better_auth.providers.provider import Provider

ADDRESSES = ("discovery_url", "authorization_url", "token_url", "userinfo_url", "jwks_url")


@register()
def check_providers(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    hint = "docs/social.md has the settings of a provider."
    found: list[CheckMessage] = [
        Error(mistake, hint=hint, id="better_auth.E070") for mistake in registry.mistakes()
    ]
    for provider in registry.providers().values():
        found += _of(provider)
    return found


def _of(provider: Provider) -> Iterator[CheckMessage]:
    rules, name = provider.rules, f"SOCIAL.PROVIDERS[{provider.id!r}]"
    try:
        _ = provider.backend_class
    except UnknownBackend:
        hint = "Set DISCOVERY_URL, AUTHORIZATION_URL and TOKEN_URL, or BACKEND to a backend of social-core."
        yield Error(f"{name}: nobody knows this provider.", hint=hint, id="better_auth.E071")
    if not rules.client_id:
        hint = "Set CLIENT_ID to what the provider calls this application."
        yield Error(f"{name}: CLIENT_ID is missing.", hint=hint, id="better_auth.E072")
    for member in ADDRESSES:
        address = getattr(rules, member)
        if address and not is_safe(address):
            hint = "Write https://…; http:// is for this machine only."
            yield Error(f"{name}: {member.upper()} is not safe to call.", hint=hint, id="better_auth.E073")
    if rules.map_profile:
        try:
            import_string(rules.map_profile)
        except ImportError as mistake:
            hint = "Name a module and what it holds: package.module.function"
            yield Error(f"{name}: MAP_PROFILE: {mistake}", hint=hint, id="better_auth.E074")
