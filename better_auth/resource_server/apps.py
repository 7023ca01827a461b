"""The app of a service that trusts an auth server elsewhere: system checks and metrics; no tables."""

from __future__ import annotations

from django.apps import AppConfig


class ResourceServerConfig(AppConfig):
    name = "better_auth.resource_server"
    label = "better_auth_resource_server"
    verbose_name = "Better Auth resource server"

    def ready(self) -> None:
        from better_auth.conf import auth_settings
        from better_auth.resource_server import (
            checks,  # noqa: F401, registers them
            metrics,
        )

        auth_settings.load()  # type: ignore[attr-defined]
        metrics.connect()
