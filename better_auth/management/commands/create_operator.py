"""``manage.py create_operator``: the first account that may enter the admin site."""

from __future__ import annotations

import os
import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from better_auth import accounts, clock, passwords, users
from better_auth.http.fields import is_email
from better_auth.storage.records import has_user_row

DEFAULT_EMAIL = "admin@example.com"


class Command(BaseCommand):
    help = (
        "Create an operator (staff, superuser, role admin) unless there is one already. Takes "
        "BETTER_AUTH_ADMIN_EMAIL and BETTER_AUTH_ADMIN_PASSWORD; without a password it makes one up and "
        "prints it once."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if get_user_model()._default_manager.filter(is_superuser=True).exists():
            return
        email = os.environ.get("BETTER_AUTH_ADMIN_EMAIL") or DEFAULT_EMAIL
        given = os.environ.get("BETTER_AUTH_ADMIN_PASSWORD")
        if not is_email(email):
            raise CommandError(f"BETTER_AUTH_ADMIN_EMAIL: {email!r} is not an e-mail address.")
        password = given or secrets.token_urlsafe(15)
        if not self._create(email, password):
            raise CommandError(f"{email} is taken by a user who is no operator; name another address.")
        self.stdout.write(self.style.SUCCESS(f"Operator {email} created."))
        if not given:
            self.stdout.write(f"Password, shown only this once: {password}")

    def _create(self, email: str, password: str) -> bool:
        flags = {"is_staff": True, "is_superuser": True}
        encoded = passwords.hash_password(password)
        now = clock.now()
        columns = {"role": "admin", "email_verified": True, "email_verified_at": now}
        with transaction.atomic():
            try:
                user = users.create(
                    email=email,
                    name="Operator",
                    encoded_password=encoded,
                    **columns,
                    **(flags if has_user_row() else {}),
                )
            except users.EmailTaken:
                return False
            accounts.ensure_credential(user)
            get_user_model()._default_manager.filter(pk=user.key).update(**flags)
        return True
