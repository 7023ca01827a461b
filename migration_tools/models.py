"""The journal: runs, and what became of every record that was read in them.

Legacy ids resolve to users here, in one indexed look-up (``journal.find_user_key``).
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from better_auth import clock
from better_auth.sealing import SealedColumn
from migration_tools.sealing import reseal


class RunState(models.TextChoices):
    """``LAZY``: of those who come one by one when they sign in; it has no end, and nobody is at it."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"
    LAZY = "lazy"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"


class RecordState(models.TextChoices):
    PENDING = "pending"
    MIGRATED = "migrated"
    FAILED = "failed"
    SKIPPED = "skipped"
    ROLLED_BACK = "rolled_back"


class MigrationRun(models.Model):
    """``checkpoint`` and ``counts`` stand for exactly the batches that are committed. ``watermark``: which
    part of the source the run reads, and from where on the next may (``deltas``); settled when it begins.

    The lease says which process is at it: whoever holds ``lease_token`` may write, until ``lease_until`` or
    for as long as the process named by ``lease_holder`` lives.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=64)
    kind = models.CharField(max_length=255)
    state = models.CharField(max_length=16, choices=RunState.choices, default=RunState.RUNNING)
    options = models.JSONField(default=dict, blank=True)
    identity = models.JSONField(default=dict, blank=True)
    watermark = models.JSONField(default=dict, blank=True)
    adopted_keys = models.JSONField(default=list, blank=True)
    checkpoint = models.TextField(blank=True, default="")
    total = models.PositiveBigIntegerField(null=True, blank=True)
    done = models.PositiveBigIntegerField(default=0)
    counts = models.JSONField(default=dict, blank=True)
    problem = models.TextField(blank=True, default="")
    lease_token = models.CharField(max_length=64, blank=True, default="")
    lease_holder = models.CharField(max_length=255, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    rollback_closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "migration_runs"
        constraints = [
            # Two runs at once on one source are refused by the database itself.
            models.UniqueConstraint(
                fields=["source"],
                condition=Q(state__in=[RunState.RUNNING, RunState.INTERRUPTED, RunState.ROLLING_BACK]),
                name="migration_run_one_open",
            ),
            models.UniqueConstraint(
                fields=["source"],
                condition=Q(state=RunState.LAZY, rollback_closed_at__isnull=True),
                name="migration_run_one_lazy",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} #{self.pk}"


class MigrationRecord(models.Model):
    """What became of one record of a source.

    ``written`` tells what to compare a user with to see what they changed since; ``former`` holds, encrypted,
    what the run overwrote, until the window for a rollback is closed. Sessions that began there until
    ``updated_at`` were brought. A record that had no id of its own has ``legacy_id`` null and is found by its
    ``place``.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=64)
    legacy_id = models.CharField(max_length=255, null=True, blank=True)
    # Their indexes stand below: a foreign key's own would come with a second one for LIKE.
    run = models.ForeignKey(MigrationRun, models.PROTECT, related_name="records", db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="migration_records",
        db_index=False,
    )
    user_public_id = models.CharField(max_length=255, blank=True, default="")
    state = models.CharField(max_length=16, choices=RecordState.choices)
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=64, blank=True, default="")
    detail = models.TextField(blank=True, default="")
    warnings = models.CharField(max_length=255, blank=True, default="")
    position = models.PositiveBigIntegerField(default=0)
    place = models.CharField(max_length=255, blank=True, default="")
    content_hash = models.CharField(max_length=32, blank=True, default="")
    written = models.CharField(max_length=255, blank=True, default="")
    password_digest = models.CharField(max_length=32, blank=True, default="")
    former = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)

    sealed_columns: ClassVar = (SealedColumn("former", reseal),)

    class Meta:
        db_table = "migration_records"
        constraints = [
            models.UniqueConstraint(fields=["source", "legacy_id"], name="migration_record_legacy_id"),
        ]
        indexes = [
            models.Index(fields=["run", "outcome"], name="migration_record_outcome"),
            models.Index(fields=["user"], name="migration_record_user"),
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.legacy_id or self.place}"


class KeptFactors(models.Model):
    """Second factors, recovery codes and passkeys that a user had in a source, as they were there.

    ``sealed`` holds them, encrypted (``factors.Factors``); the numbers are how many of each there are. They
    go with the user, and stay when the window for a rollback is closed.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=64)
    # The constraint's index begins with it.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="kept_factors", db_index=False
    )
    sealed = models.TextField()
    totp = models.PositiveSmallIntegerField(default=0)
    recovery_codes = models.PositiveSmallIntegerField(default=0)
    passkeys = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now)

    sealed_columns: ClassVar = (SealedColumn("sealed", reseal),)

    class Meta:
        db_table = "migration_kept_factors"
        constraints = [
            models.UniqueConstraint(fields=["user", "source"], name="migration_kept_factors_once"),
        ]

    def __str__(self) -> str:
        return f"factors from {self.source}"


class BroughtRow(models.Model):
    """A row of an organization, or an API key, that a run made here: a later run leaves it alone, whatever
    became of it, and a rollback may take it away again. ``mark``: what to compare it with to see whether it
    was changed."""

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=64)
    kind = models.CharField(max_length=16)
    row_id = models.CharField(max_length=255)
    mark = models.CharField(max_length=32)
    run = models.ForeignKey(MigrationRun, models.PROTECT, related_name="brought_rows", db_index=False)

    class Meta:
        db_table = "migration_brought_rows"
        constraints = [
            models.UniqueConstraint(fields=["source", "kind", "row_id"], name="migration_brought_row_once"),
        ]
        indexes = [models.Index(fields=["run", "kind"], name="migration_brought_row_run")]

    def __str__(self) -> str:
        return f"{self.source}:{self.kind}:{self.row_id}"


class SchemeComparison(models.Model):
    """Shadow mode: how often the legacy system and our check of one kind of hash said what of a password.

    ``scheme``: the algorithm of the hash, or ``none`` or ``unreadable``, whose attempts are all ``unknown``.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=64)
    scheme = models.CharField(max_length=64)
    both_accept = models.PositiveBigIntegerField(default=0)
    both_refuse = models.PositiveBigIntegerField(default=0)
    legacy_only = models.PositiveBigIntegerField(default=0)
    ours_only = models.PositiveBigIntegerField(default=0)
    unknown = models.PositiveBigIntegerField(default=0)
    first_at = models.DateTimeField(default=clock.now)
    last_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "migration_comparisons"
        constraints = [
            models.UniqueConstraint(fields=["source", "scheme"], name="migration_comparison_scheme"),
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.scheme}"
