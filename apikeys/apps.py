"""The app: keys, their endpoints, their place in the pipeline, their admin pages."""

from __future__ import annotations

from django.apps import AppConfig


class ApiKeysConfig(AppConfig):
    name = "apikeys"
    verbose_name = "API keys"
    leaves_users_alone = True  # its admin pages build on the core's, and register no users
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apikeys import (
            checks,  # noqa: F401, registers them
            following,
        )

        following.connect()
