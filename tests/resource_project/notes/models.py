"""The service's own table. It knows people by the auth server's ids alone."""

from __future__ import annotations

from django.db import models


class Note(models.Model):
    owner = models.CharField(max_length=64, db_index=True)
    text = models.TextField()

    def __str__(self) -> str:
        return self.text
