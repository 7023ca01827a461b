"""``manage.py rotate_signing_keys``: the next key for JWTs, published now and signing a while later."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from better_auth import signing_keys
from better_auth.conf import auth_settings


class Command(BaseCommand):
    help = (
        "Make the next signing key. It is published at once and signs after JWT.PUBLISH_AHEAD seconds; the "
        "old one verifies for JWT.GRACE_DAYS more, and nobody is logged out. Servers do this by themselves "
        "every JWT.ROTATION_DAYS. Safe to run twice at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--if-due", action="store_true", help="only if the key in use is near its end")
        which.add_argument(
            "--compromised",
            action="store_true",
            help="somebody else may have the keys: withdraw them all, and sign with a new one at once; "
            "JWTs that are out are refused, sessions and refresh tokens live on",
        )

    def handle(self, *args: Any, if_due: bool, compromised: bool, **options: Any) -> None:
        if compromised:
            signing_keys.replace_all()
            self.stdout.write("All signing keys are withdrawn; a new one signs from now on.")
        elif signing_keys.rotate_if_due() if if_due else signing_keys.rotate():
            seconds = auth_settings.jwt.publish_ahead
            self.stdout.write(f"A new signing key is published; it signs within {seconds} seconds.")
        elif if_due:
            self.stdout.write("No signing key is due.")
        else:
            self.stdout.write("The next signing key is published already, and waits to sign.")
