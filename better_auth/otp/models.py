"""Our second factors as django-otp sees them: a device without a table, and nothing of a secret in it.

Its forms ask ``verify_token``, which is the rule of the endpoints: counted, locked, and no code taken twice.
"""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models
from django_otp.models import Device, DeviceManager

from better_auth import users
from better_auth.crypto.identifiers import ID_RANDOM_LENGTH, ID_TIME_LENGTH, LOWER_ALPHANUMERIC
from better_auth.events import Client
from better_auth.features.two_factor import beside_password
from better_auth.models.user import ID_LENGTH


class FactorDevices(models.QuerySet["FactorDevice"]):
    """django-otp asks for numbers, and our ids are texts: the same in base 36."""

    def filter(self, *conditions: Any, **named: Any) -> Self:
        if isinstance(named.get("id"), int):
            named["id"] = _text_of(named["id"])
        return super().filter(*conditions, **named)


class FactorDevice(Device):  # type: ignore[misc, unused-ignore]
    """The authenticator app of a user, with their backup codes: over the table of ``TwoFactor``, which has
    its own model and is written by ``factors`` alone."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, related_name="+", db_constraint=False
    )
    name = "Authenticator app or backup code"
    confirmed = models.BooleanField(db_column="verified", default=False)

    objects = DeviceManager.from_queryset(FactorDevices)()

    class Meta:
        managed = False
        db_table = "better_auth_two_factors"

    def __str__(self) -> str:
        return self.name

    @property
    def persistent_id(self) -> str:
        return f"{self.model_label()}/{int(self.id, 36)}"

    def verify_token(self, token: str) -> bool:
        """Whether it is a code of the app, or a backup code; either is spent then."""
        user = users.find_by_key(self.user_id)
        if user is None or not self.confirmed:
            return False
        return beside_password.show(user, str(token), client=Client(), door="django_otp")


def _text_of(number: int) -> str:
    digits = ""
    while number > 0:
        number, digit = divmod(number, 36)
        digits = LOWER_ALPHANUMERIC[digit] + digits
    return digits.rjust(ID_TIME_LENGTH + ID_RANDOM_LENGTH, "0")
