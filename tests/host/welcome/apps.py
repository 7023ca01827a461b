from __future__ import annotations

from django.apps import AppConfig


class WelcomeConfig(AppConfig):
    name = "tests.host.welcome"
    label = "welcome"
    default_auto_field = "django.db.models.BigAutoField"
