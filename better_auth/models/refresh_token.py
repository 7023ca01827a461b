"""Refresh tokens: one row for each family, that is for a token and all that came after it."""

from __future__ import annotations

from django.db import models

from better_auth import clock
from better_auth.crypto.identifiers import new_id
from better_auth.models.user import ID_LENGTH


class RefreshToken(models.Model):
    """Digests only. A token is made of a selector, which its whole family shares, and a secret.

    Whoever shows a selector that is known with a secret that is neither the last one nor the one before shows
    a token of the family that was used long ago. ``session_hash`` is the session's ``token_hash``: no foreign
    key, because the end of a session must cost no statement more; whoever refreshes looks for it.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    session_hash = models.CharField(max_length=64)
    owns_session = models.BooleanField(default=False)
    selector_hash = models.CharField(max_length=64, unique=True)
    token_hash = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now)
    rotated_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "better_auth_refresh_tokens"

    def __str__(self) -> str:
        return self.id
