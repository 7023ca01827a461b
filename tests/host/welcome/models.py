"""A host whose database gives every new user a voucher, behind everybody's back."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Voucher(models.Model):  # noqa: DJ008
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
