"""Sessions: one row for each signed-in device."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from better_auth import clock
from better_auth.crypto.identifiers import new_id
from better_auth.models.user import ID_LENGTH


class Session(models.Model):
    """The token itself is nowhere: ``token_hash`` is its SHA-256 in hex."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="better_auth_sessions")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(db_index=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    ip_address = models.CharField(max_length=64, blank=True, default="")
    user_agent = models.TextField(blank=True, default="")
    auth_method = models.CharField(max_length=64, blank=True, default="")
    # What was shown beside the first proof: totp, otp, backup_code.
    second_factor = models.CharField(max_length=32, blank=True, default="")
    impersonated_by = models.CharField(max_length=ID_LENGTH, null=True, blank=True)
    active_organization_id = models.CharField(max_length=ID_LENGTH, null=True, blank=True)
    active_team_id = models.CharField(max_length=ID_LENGTH, null=True, blank=True)
    additional_fields = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "better_auth_sessions"
        indexes = [
            models.Index(
                fields=["impersonated_by"],
                condition=models.Q(impersonated_by__isnull=False),
                name="auth_session_impersonator",
            )
        ]

    def __str__(self) -> str:
        return self.id
