"""The configurations of API keys: the one of the settings, and those that build on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from better_auth.conf import auth_settings
from better_auth.conf.api_key_schema import ApiKeySettings
from better_auth.conf.loading import load_part

DEFAULT = "default"
# Of the server as a whole, whatever the key.
COMMON = ("HEADERS", "BEARER", "USAGE_DAYS", "CONFIGURATIONS")


@dataclass(frozen=True, slots=True)
class Configuration:
    """``rules``: what holds for keys with this ``config_id``."""

    config_id: str
    rules: ApiKeySettings


@dataclass(slots=True)
class _Read:
    """What was made of which settings."""

    source: ApiKeySettings | None = None
    found: dict[str, Configuration] = field(default_factory=dict)


_read = _Read()


def configuration(config_id: str | None) -> Configuration:
    """The configuration with this id; an unknown or missing one is the default (api-key.md, section 1)."""
    known = configurations()
    return known.get(config_id or DEFAULT) or known[DEFAULT]


def configurations() -> dict[str, Configuration]:
    """All of them by id. Raises ``InvalidSettings`` for what is wrong in ``CONFIGURATIONS``."""
    rules = auth_settings.api_keys
    if _read.source is not rules:
        _read.found = _load(rules)
        _read.source = rules
    return _read.found


def _load(rules: ApiKeySettings) -> dict[str, Configuration]:
    found = {DEFAULT: Configuration(DEFAULT, rules)}
    inherited = {name.upper(): value for name, value in asdict(rules).items() if name.upper() not in COMMON}
    for config_id, options in rules.configurations.items():
        path = ("API_KEYS", "CONFIGURATIONS", str(config_id))
        own = options if isinstance(options, Mapping) else {}
        # Of what is common, nothing is inherited: named there, it is an unknown key.
        load_part(ApiKeySettings, options, path, refused=COMMON)
        found[str(config_id)] = Configuration(
            str(config_id), load_part(ApiKeySettings, {**inherited, **own}, path)
        )
    return found
