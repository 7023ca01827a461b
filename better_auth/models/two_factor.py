"""Second factors: what somebody shows beside their password."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from better_auth import clock
from better_auth.crypto.identifiers import new_id
from better_auth.models.user import ID_LENGTH
from better_auth.sealing import SealedColumn


class TwoFactor(models.Model):
    """Of one user. ``secret`` is the sealed secret of their authenticator app; empty where codes come by mail
    alone. ``verified``: a code of the app was seen, so that they can sign in with it.

    ``last_step``: the last time step of which a code was taken, after which none is taken again.
    ``failed_count`` counts over all factors and challenges since the last success, until ``locked_until``.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="better_auth_two_factor"
    )
    secret = models.TextField(blank=True, default="")
    digits = models.PositiveSmallIntegerField(default=6)
    period = models.PositiveSmallIntegerField(default=30)
    algorithm = models.CharField(max_length=16, default="SHA1")
    verified = models.BooleanField(default=False)
    last_step = models.BigIntegerField(null=True, blank=True)
    failed_count = models.PositiveIntegerField(default=0)
    locked_until = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)

    sealed_columns: ClassVar = (SealedColumn("secret"),)

    class Meta:
        db_table = "better_auth_two_factors"

    def __str__(self) -> str:
        return self.id


class BackupCode(models.Model):
    """A code for the day when the telephone is gone; a keyed HMAC of it. The row goes when it is used."""

    id = models.BigAutoField(primary_key=True)
    # The constraint's index begins with it.
    two_factor = models.ForeignKey(TwoFactor, models.CASCADE, related_name="backup_codes", db_index=False)
    digest = models.CharField(max_length=64)

    class Meta:
        db_table = "better_auth_backup_codes"
        constraints = [
            models.UniqueConstraint(fields=["two_factor", "digest"], name="better_auth_backup_code_once"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
