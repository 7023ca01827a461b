"""A sign-in makes a better hash of the same password: the journal follows, so that it does not look like a
change."""

from __future__ import annotations

from typing import Any

from better_auth.events import rehashed
from migration_tools.fingerprints import password_digest
from migration_tools.models import MigrationRecord, RecordState


def follow(*, user_key: Any, before: str, after: str, **kwargs: Any) -> None:
    rows = MigrationRecord.objects.filter(user_id=user_key, state=RecordState.MIGRATED)
    rows.filter(password_digest=password_digest(before)).update(password_digest=password_digest(after))


def connect() -> None:
    rehashed.connect(follow, dispatch_uid="migration_tools.rehashes")
