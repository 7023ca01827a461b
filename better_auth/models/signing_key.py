"""Signing keys: what our JWTs are signed with, and what others verify them by."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from better_auth import clock
from better_auth.crypto.identifiers import new_id
from better_auth.models.user import ID_LENGTH
from better_auth.sealing import SealedColumn, reseal_quoted


class SigningKey(models.Model):
    """``id`` is the ``kid``. ``private_key`` is encrypted, as the protocol does it; ``public_key`` is a JWK.

    ``replaces``: the key before this one. It is unique, so that each key gets one successor, however many
    processes find that it is due.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    alg = models.CharField(max_length=16)
    crv = models.CharField(max_length=16, null=True, blank=True)
    public_key = models.TextField()
    private_key = models.TextField()
    replaces = models.CharField(max_length=ID_LENGTH, unique=True)
    created_at = models.DateTimeField(default=clock.now)
    signs_from = models.DateTimeField()
    # The last moment at which it signs; it verifies for the grace time beyond.
    expires_at = models.DateTimeField(db_index=True)

    sealed_columns: ClassVar = (SealedColumn("private_key", reseal_quoted),)

    class Meta:
        db_table = "better_auth_jwks"

    def __str__(self) -> str:
        return f"{self.alg} {self.id}"
