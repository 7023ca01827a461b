"""Credentials of a former system: which were exchanged, and how many still come."""

from __future__ import annotations

from django.db import models

from better_auth import clock
from better_auth.models.user import ID_LENGTH


class LegacyExchange(models.Model):
    """One that has become a session of ours. ``token_hash`` is its digest; the constraint is what lets one of
    many tries win. ``expires_at``: after it the credential is worth nothing anyway; null where there is none.
    """

    id = models.BigAutoField(primary_key=True)
    token_hash = models.CharField(max_length=64)
    scheme = models.CharField(max_length=32)
    user_public_id = models.CharField(max_length=ID_LENGTH)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        db_table = "better_auth_legacy_exchanges"
        constraints = [
            models.UniqueConstraint(fields=["token_hash"], name="better_auth_legacy_exchange"),
        ]

    def __str__(self) -> str:
        return f"{self.scheme} {self.pk}"


class LegacyUse(models.Model):
    """How often credentials of one scheme came on one day (UTC) from one kind of client."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    scheme = models.CharField(max_length=32)
    client = models.CharField(max_length=64)
    accepted = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    exchanged = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "better_auth_legacy_use"
        constraints = [
            models.UniqueConstraint(fields=["day", "scheme", "client"], name="better_auth_legacy_use_day"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.scheme} {self.client}"
