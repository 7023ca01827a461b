"""The app: organizations, their tables and pages."""

from __future__ import annotations

from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    name = "organizations"
    verbose_name = "Organizations"
    leaves_users_alone = True  # its admin pages build on the core's, and register no users
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from organizations import checks  # noqa: F401, registers them
