"""Shadow mode's counts: what the legacy system said of a password, and what our check of the same said."""

from __future__ import annotations

import logging

from django.db import Error
from django.db.models import F

from better_auth import clock
from better_auth.events import observe
from better_auth.passwords import Comparison
from better_auth.storage.records import UserRecord
from migration_tools.models import SchemeComparison

logger = logging.getLogger("migration_tools.lazy")


def note(source: str, user: UserRecord, ours: Comparison, *, accepted: bool) -> None:
    """Count, and name in the log whom the two disagree about. Never fails the caller."""
    column, result = _verdict(ours, accepted)
    observe("shadow_comparison", ours.algorithm, result)
    if result == "disagree":
        who = "the legacy system alone accepts" if accepted else "our check alone accepts"
        logger.warning("user %s: %s the password (%s)", user.id, who, ours.algorithm)
    try:
        _count(source, ours.algorithm, column)
    except Error as fault:
        logger.error("a comparison could not be counted: %s", type(fault).__name__)


def _verdict(ours: Comparison, accepted: bool) -> tuple[str, str]:
    if ours.is_right is None:
        return "unknown", "unknown"
    if ours.is_right == accepted:
        return "both_accept" if accepted else "both_refuse", "agree"
    return "legacy_only" if accepted else "ours_only", "disagree"


def _count(source: str, scheme: str, column: str) -> None:
    """One statement where the row is there; of two that make it at once, one does."""
    rows = SchemeComparison.objects.filter(source=source, scheme=scheme)
    if rows.update(**{column: F(column) + 1}, last_at=clock.now()):
        return
    SchemeComparison.objects.bulk_create(
        [SchemeComparison(source=source, scheme=scheme)], ignore_conflicts=True
    )
    rows.update(**{column: F(column) + 1}, last_at=clock.now())
