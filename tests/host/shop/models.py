"""What a host hangs on its users, in the ways that are not seen from the user's own side."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Order(models.Model):  # noqa: DJ008
    """No way back from the user."""

    buyer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")


class Club(models.Model):  # noqa: DJ008
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="clubs")


class Contract(models.Model):  # noqa: DJ008
    """Whoever has one can't be deleted."""

    party = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT)
