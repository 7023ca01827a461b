"""Requests of devices that can't show a sign-in page themselves (RFC 8628)."""

from __future__ import annotations

from enum import StrEnum

from django.db import models

from better_auth import clock
from better_auth.crypto.identifiers import new_id
from better_auth.models.user import ID_LENGTH


class DeviceCodeStatus(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"


class DeviceCode(models.Model):
    """Neither code rests as it was given out: of the device's there is a SHA-256, of the short one that a
    person types a keyed HMAC.

    ``claimed_by`` is the wire id of the user who may decide, empty until somebody has claimed it; no foreign
    key, because a device may name a user whom there is not. ``polling_interval`` is in milliseconds.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    device_code_hash = models.CharField(max_length=64)
    user_code_hash = models.CharField(max_length=64)
    claimed_by = models.CharField(max_length=ID_LENGTH, blank=True, default="")
    status = models.CharField(max_length=16, default=DeviceCodeStatus.PENDING.value)
    client_id = models.CharField(max_length=255)
    scope = models.TextField(blank=True, default="")
    polling_interval = models.PositiveIntegerField()
    last_polled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "better_auth_device_codes"
        constraints = [
            models.UniqueConstraint(fields=["device_code_hash"], name="better_auth_device_code"),
            models.UniqueConstraint(fields=["user_code_hash"], name="better_auth_device_user_code"),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} {self.id}"
