"""System checks of the app; ``manage.py check`` runs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from apikeys.configuration import configurations
from better_auth.conf import auth_settings
from better_auth.conf.loading import InvalidSettings

AUTHENTICATOR = "apikeys.authenticator.authenticate"


@register()
def check_configurations(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    try:
        configurations()
    except InvalidSettings as mistakes:
        hint = 'CONFIGURATIONS maps names to settings: {"machines": {"RATE_LIMIT_ENABLED": False}}.'
        return [Error(str(mistakes), hint=hint, id="apikeys.E001")]
    return []


@register()
def check_authenticator(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    listed = auth_settings.authenticators
    if listed and listed[0] == AUTHENTICATOR:
        return []
    hint = f"Put {AUTHENTICATOR!r} first in AUTHENTICATORS, before those of the core."
    return [Warning("API keys are made, but open nothing.", hint=hint, id="apikeys.W002")]
