"""A host's own user: ours, and a column of the host's."""

from __future__ import annotations

from django.db import models

from better_auth.models import AbstractBetterAuthUser


class Member(AbstractBetterAuthUser):
    plan = models.CharField(max_length=20, default="free")
