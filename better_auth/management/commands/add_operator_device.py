"""``manage.py add_operator_device``: a key for an operator's authenticator app, shown once."""

from __future__ import annotations

from base64 import b32encode
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string

TOTP_APP = "django_otp.plugins.otp_totp"


class Command(BaseCommand):
    help = "Make a device for one-time passwords and print its key. Needs BETTER_AUTH_ADMIN_OTP=true."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="what the operator signs in to the admin site with")
        parser.add_argument("--name", default="Authenticator app", help="how the admin site calls the device")

    def handle(self, *args: Any, username: str, name: str, **options: Any) -> None:
        if not apps.is_installed(TOTP_APP):
            raise CommandError("One-time passwords are off: set BETTER_AUTH_ADMIN_OTP=true, then migrate.")
        users = get_user_model()._default_manager
        operator = users.filter(**{get_user_model().USERNAME_FIELD: username}, is_staff=True).first()
        if operator is None:
            raise CommandError(f"{username!r} is no operator.")
        device = import_string(f"{TOTP_APP}.models.TOTPDevice").objects.create(user=operator, name=name)
        self.stdout.write(f"Key, shown only this once: {b32encode(device.bin_key).decode()}")
        self.stdout.write(device.config_url)
