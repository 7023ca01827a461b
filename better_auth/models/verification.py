"""Verifications: values that somebody must give back once, before they expire."""

from __future__ import annotations

from django.db import models

from better_auth import clock
from better_auth.crypto.identifiers import new_id
from better_auth.models.user import ID_LENGTH


class Verification(models.Model):
    """A mailed token, a code, or the state of a flow.

    ``digest`` is the SHA-256 of a long token, or the keyed HMAC of a short code; neither can be turned back.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    purpose = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    subject = models.CharField(max_length=ID_LENGTH, blank=True, default="")
    payload = models.JSONField(default=dict, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "better_auth_verification_tokens"
        indexes = [
            models.Index(fields=["purpose", "digest"], name="better_auth_verif_digest"),
            models.Index(fields=["subject", "purpose"], name="better_auth_verif_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"
