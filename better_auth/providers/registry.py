"""The providers of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from better_auth.conf import auth_settings
from better_auth.conf.loading import InvalidSettings, load_part
from better_auth.conf.social_schema import ProviderSettings, SocialSettings
from better_auth.providers.library import UnknownBackend
from better_auth.providers.provider import Provider

CREDENTIAL = "credential"


@dataclass(slots=True)
class _Read:
    """What was made of which settings."""

    source: SocialSettings | None = None
    found: Mapping[str, Provider] = field(default_factory=dict)
    mistakes: tuple[str, ...] = ()


_read = _Read()


def providers() -> Mapping[str, Provider]:
    """Those whose settings can be read, by id."""
    return _current().found


def mistakes() -> tuple[str, ...]:
    """What is wrong in ``SOCIAL.PROVIDERS``; whoever is named there counts as not configured."""
    return _current().mistakes


def find(provider_id: str) -> Provider | None:
    """One that can be used. What is known by name only, and by nobody, counts as none; the system checks name
    it."""
    provider = providers().get(provider_id)
    if provider is None or not provider.rules.client_id:
        return None
    try:
        _ = provider.backend_class
    except UnknownBackend:
        return None
    return provider


def _current() -> _Read:
    rules = auth_settings.social
    if _read.source is not rules:
        found: dict[str, Provider] = {}
        wrong: list[str] = []
        for name, declared in rules.providers.items():
            path = ("SOCIAL", "PROVIDERS", str(name))
            try:
                if name == CREDENTIAL:
                    raise InvalidSettings(["SOCIAL.PROVIDERS: 'credential' is the name of passwords"])
                found[str(name)] = Provider(str(name), load_part(ProviderSettings, declared, path))
            except InvalidSettings as problems:
                wrong += problems.problems
        _read.found, _read.mistakes, _read.source = found, tuple(wrong), rules
    return _read
