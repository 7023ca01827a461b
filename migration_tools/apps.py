"""The app: importers, their journal, their admin pages."""

from __future__ import annotations

from django.apps import AppConfig


class MigrationToolsConfig(AppConfig):
    name = "migration_tools"
    verbose_name = "Migration"
    leaves_users_alone = True  # its admin pages build on the core's, and register no users
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from better_auth.legacy_credentials import subjects
        from migration_tools import (
            checks,  # noqa: F401, registers them
            journal,
            rehashes,
        )
        from migration_tools.lazy import system

        rehashes.connect()
        system.connect()
        subjects.connect(journal)
