"""In INSTALLED_APPS beside ``django_otp``."""

from __future__ import annotations

from django.apps import AppConfig


class BetterAuthOtpConfig(AppConfig):
    name = "better_auth.otp"
    label = "better_auth_otp"
    verbose_name = "Second factors for django-otp"
    default_auto_field = "django.db.models.BigAutoField"
    leaves_users_alone = True
