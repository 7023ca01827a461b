"""Accounts: the ways in which a user can sign in."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from better_auth import clock
from better_auth.crypto.identifiers import new_id
from better_auth.models.user import ID_LENGTH
from better_auth.sealing import SealedColumn

CREDENTIAL = "credential"


class Account(models.Model):
    """A password (provider ``credential``) or an identity at a provider (its immutable subject)."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="better_auth_accounts")
    provider_id = models.CharField(max_length=255)
    account_id = models.CharField(max_length=ID_LENGTH)
    issuer = models.TextField(null=True, blank=True)
    access_token = models.TextField(null=True, blank=True)
    refresh_token = models.TextField(null=True, blank=True)
    id_token = models.TextField(null=True, blank=True)
    access_token_expires_at = models.DateTimeField(null=True, blank=True)
    refresh_token_expires_at = models.DateTimeField(null=True, blank=True)
    scope = models.TextField(null=True, blank=True)
    # Only a hash that is too long for the host's own column, until the next sign-in upgrades it.
    password = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)

    sealed_columns: ClassVar = (
        SealedColumn("access_token"),
        SealedColumn("refresh_token"),
        SealedColumn("id_token"),
    )

    class Meta:
        db_table = "better_auth_accounts"
        constraints = [
            models.UniqueConstraint(
                fields=["provider_id", "account_id"], name="better_auth_account_identity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider_id}:{self.account_id}"
