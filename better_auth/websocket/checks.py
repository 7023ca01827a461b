"""System checks of the settings of WebSockets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register

from better_auth.conf import auth_settings
from better_auth.conf.loading import nearest
from better_auth.events import AuthMethod


@register()
def check_websocket_methods(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    known = sorted(AuthMethod)
    hint = f"Known ways: {', '.join(known)}."
    unknown = [name for name in auth_settings.websocket.methods if name not in known]
    return [
        Error(
            f"WEBSOCKET.METHODS: {name!r} opens no socket{nearest(name, list(known))}",
            hint=hint,
            id="better_auth.E080",
        )
        for name in unknown
    ]
