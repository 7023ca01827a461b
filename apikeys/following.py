"""What happens elsewhere, as far as keys have to follow: rows saved by whoever, and users who leave."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save, pre_delete

from apikeys import keys, lookup, ownership
from apikeys.models import ApiKey
from better_auth.events import Event, UnprovenAccessRevoked, UserDeleted, recorded


def connect() -> None:
    post_save.connect(_saved, sender=ApiKey, dispatch_uid="apikeys.saved")
    pre_delete.connect(_deleted, sender=ApiKey, dispatch_uid="apikeys.deleted")
    recorded.connect(_recorded, sender=UserDeleted, dispatch_uid="apikeys.user_deleted")
    recorded.connect(_recorded, sender=UnprovenAccessRevoked, dispatch_uid="apikeys.unproven_access_revoked")
    ownership.follow_organizations(keys.delete_all_of)


def _saved(*, instance: ApiKey, created: bool, **kwargs: Any) -> None:
    if not created:
        lookup.forget(instance.key_hash, instance.previous_hash)


def _deleted(*, instance: ApiKey, **kwargs: Any) -> None:
    lookup.forget(instance.key_hash, instance.previous_hash)


def _recorded(*, event: Event, **kwargs: Any) -> None:
    """In the transaction of the change. Where a row goes otherwise, keys open nothing either."""
    keys.delete_all_of(event.subject_id)
