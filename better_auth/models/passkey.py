"""Passkeys: public keys of credentials that users' devices keep for them."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from better_auth import clock
from better_auth.crypto.identifiers import new_id
from better_auth.models.user import ID_LENGTH

# 1023 bytes, the longest that WebAuthn allows (section 5.1.1), in base64url.
CREDENTIAL_ID_LENGTH = 1364


class Passkey(models.Model):
    """One WebAuthn credential. ``public_key`` is the COSE key in standard base64, ``credential_id`` base64url
    without padding; ``transports`` are joined by commas. Nothing of it is secret.

    Source: passwordless.md, section 8. ``last_used_at`` is ours.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="better_auth_passkeys")
    name = models.TextField(null=True, blank=True)
    public_key = models.TextField()
    credential_id = models.CharField(max_length=CREDENTIAL_ID_LENGTH)
    counter = models.BigIntegerField(default=0)
    device_type = models.CharField(max_length=16)
    backed_up = models.BooleanField(default=False)
    transports = models.CharField(max_length=255, null=True, blank=True)
    aaguid = models.CharField(max_length=36, null=True, blank=True)
    created_at = models.DateTimeField(null=True, blank=True, default=clock.now)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "better_auth_passkeys"
        constraints = [
            models.UniqueConstraint(fields=["credential_id"], name="better_auth_passkey_credential"),
        ]

    def __str__(self) -> str:
        return self.name or self.id
