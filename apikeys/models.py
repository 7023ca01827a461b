"""Rows of API keys, and how often each was used on a day."""

from __future__ import annotations

from django.db import models

from better_auth import clock
from better_auth.crypto.identifiers import new_id

ID_LENGTH = 255
PREFIX_LENGTH = 64
NAME_LENGTH = 255


class ApiKey(models.Model):
    """The key itself is nowhere: ``key_hash`` is what stands for it (``api_key_digest``).

    ``reference_id`` is the id on the wire of the user or organization that owns it. After a rotation the key
    before it stays good until ``previous_until``. Windows and intervals are milliseconds. ``enabled`` is the
    owner's word, ``blocked`` an operator's: a key is good where both let it.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    config_id = models.CharField(max_length=ID_LENGTH, default="default")
    reference_id = models.CharField(max_length=ID_LENGTH)
    name = models.CharField(max_length=NAME_LENGTH, null=True, blank=True)
    start = models.CharField(max_length=ID_LENGTH, null=True, blank=True)
    prefix = models.CharField(max_length=PREFIX_LENGTH, null=True, blank=True)
    key_hash = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64, null=True, blank=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    blocked = models.BooleanField(default=False, db_default=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    remaining = models.BigIntegerField(null=True, blank=True)
    refill_amount = models.BigIntegerField(null=True, blank=True)
    refill_interval = models.BigIntegerField(null=True, blank=True)
    last_refill_at = models.DateTimeField(null=True, blank=True)
    rate_limit_enabled = models.BooleanField(default=True)
    rate_limit_time_window = models.BigIntegerField(null=True, blank=True)
    rate_limit_max = models.BigIntegerField(null=True, blank=True)
    request_count = models.BigIntegerField(default=0)
    last_request = models.DateTimeField(null=True, blank=True)
    permissions = models.JSONField(null=True, blank=True)
    metadata = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "better_auth_api_keys"
        verbose_name = "API key"
        indexes = [
            models.Index(fields=["key_hash"], name="better_auth_api_key_hash"),
            models.Index(
                fields=["previous_hash"],
                name="better_auth_api_key_previous",
                condition=models.Q(previous_hash__isnull=False),
            ),
            models.Index(fields=["reference_id", "created_at"], name="better_auth_api_key_owner"),
            models.Index(
                fields=["expires_at"],
                name="better_auth_api_key_expiry",
                condition=models.Q(expires_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.start or self.id


class ApiKeyUsage(models.Model):
    """Uses of one key on one day (UTC), written behind in batches; no constraint, so that a batch never fails
    because a key was deleted meanwhile."""

    key = models.ForeignKey(ApiKey, models.CASCADE, related_name="usage", db_constraint=False, db_index=False)
    day = models.DateField()
    count = models.BigIntegerField(default=0)

    class Meta:
        db_table = "better_auth_api_key_usage"
        constraints = [models.UniqueConstraint(fields=["key", "day"], name="better_auth_api_key_day")]
        indexes = [models.Index(fields=["day"], name="better_auth_api_key_by_day")]

    def __str__(self) -> str:
        return f"{self.key_id} {self.day}: {self.count}"
