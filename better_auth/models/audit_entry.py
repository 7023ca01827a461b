"""The audit log: what happened, kept after the users and sessions it speaks of are gone."""

from __future__ import annotations

from django.db import models

from better_auth import clock
from better_auth.models.user import ID_LENGTH


class AuditEntry(models.Model):
    """Ids are those on the wire, without foreign keys: a deleted user's history stays."""

    id = models.BigAutoField(primary_key=True)
    event_type = models.CharField(max_length=64)
    auth_method = models.CharField(max_length=64, blank=True, default="")
    success = models.BooleanField()
    created_at = models.DateTimeField(default=clock.now, db_index=True)
    actor_id = models.CharField(max_length=ID_LENGTH, blank=True, default="")
    subject_id = models.CharField(max_length=ID_LENGTH, blank=True, default="")
    session_id = models.CharField(max_length=ID_LENGTH, blank=True, default="")
    ip_address = models.CharField(max_length=64, blank=True, default="")
    user_agent = models.TextField(blank=True, default="")
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "auth_audit_log"
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        indexes = [
            models.Index(fields=["subject_id", "created_at"], name="auth_audit_subject"),
            models.Index(fields=["event_type", "created_at"], name="auth_audit_type"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.created_at:%Y-%m-%d %H:%M:%S}"
