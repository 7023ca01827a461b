"""The app's start: settings are read, receivers connected, checks registered; nothing else."""

from __future__ import annotations

from django.apps import AppConfig


class BetterAuthConfig(AppConfig):
    name = "better_auth"
    verbose_name = "Better Auth"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from better_auth import (
            adoption,
            checks,  # noqa: F401, registers them
        )
        from better_auth.conf import auth_settings
        from better_auth.features.passkey import checks as passkey_checks  # noqa: F401, the same
        from better_auth.legacy_credentials import checks as legacy_checks  # noqa: F401, the same
        from better_auth.observability import audit, django_signals, log, metrics
        from better_auth.providers import checks as provider_checks  # noqa: F401, the same
        from better_auth.storage import verified_sessions
        from better_auth.websocket import checks as socket_checks  # noqa: F401, the same
        from better_auth.zero_trust import checks as trust_checks  # noqa: F401, registers them

        auth_settings.load()  # type: ignore[attr-defined]
        audit.connect()
        log.connect()
        django_signals.connect()
        metrics.connect()
        adoption.connect()
        verified_sessions.connect()
