"""The lifecycle of API keys, and with ``limits`` and ``usage`` the only writer of them.

A key is shown once, to whoever makes it, and rests nowhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from apikeys import columns, lookup, usage
from apikeys.configuration import DEFAULT, Configuration, configurations
from apikeys.errors import ErrorCode
from apikeys.events import ApiKeyCreated, ApiKeyDeleted, ApiKeyRotated, ApiKeyUpdated
from apikeys.key_format import generate
from apikeys.models import ApiKey
from apikeys.records import KeyRecord, key_record
from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import api_key_digest
from better_auth.errors import NotFound
from better_auth.events import Client, Event, publish

# Expired rows are looked for at most so often by one process.
PURGE_SECONDS = 10
PURGED_AT_ONCE = 1000
_purge = threading.Lock()
_purged_at = float("-inf")


@dataclass(frozen=True, slots=True)
class By:
    """On whose behalf: the id of whoever acts, empty for the server itself, and from where."""

    actor_id: str = ""
    client: Client = field(default_factory=Client)


def create(
    reference_id: str, chosen: Configuration, wanted: Mapping[str, Any], *, by: By
) -> tuple[KeyRecord, str]:
    """A new key for this user or organization, and the key itself, which nobody can see again.

    ``wanted``: names of columns, and ``expires_in`` in seconds. Raises ``BadRequest``.
    """
    now, rules = clock.now(), chosen.rules
    values = columns.for_new_key(wanted, rules, now)
    secret = generate(values["prefix"] or "", rules.default_key_length)
    row = ApiKey(
        config_id=chosen.config_id,
        reference_id=reference_id,
        key_hash=api_key_digest(secret),
        start=_start(secret, rules.start_length),
        created_at=now,
        updated_at=now,
        **values,
    )
    with transaction.atomic():
        row.save(force_insert=True)
        record = key_record(row)
        _publish(ApiKeyCreated, record, by)
    return record, secret


def update(key: KeyRecord, chosen: Configuration, wanted: Mapping[str, Any], *, by: By) -> KeyRecord:
    """Change columns. ``updated_at`` stays, as the protocol has it: it tells of the last use.

    Raises ``BadRequest``; ``KEY_NOT_FOUND`` where the key has gone meanwhile.
    """
    values = columns.for_change(wanted, chosen.rules, clock.now())
    with transaction.atomic():
        _change(key, values)
        changed = get(key.id)
        lookup.forget(changed.key_hash)  # a rotation may have come in between
        _publish(ApiKeyUpdated, changed, by, changed=sorted(values))
    return changed


def rotate(key: KeyRecord, chosen: Configuration, *, overlap: int | None, by: By) -> tuple[KeyRecord, str]:
    """Another key in the place of this one, which stays good for ``overlap`` seconds; whatever came before it
    ends now. Permissions, limits and counts stay. Raises ``KEY_NOT_FOUND`` where the key has gone."""
    seconds = chosen.rules.rotation_overlap if overlap is None else overlap
    secret = generate(key.prefix or "", chosen.rules.default_key_length)
    values: dict[str, Any] = {
        "key_hash": api_key_digest(secret),
        "start": _start(secret, chosen.rules.start_length),
    }
    until = clock.now() + timedelta(seconds=seconds)
    with transaction.atomic():
        row = ApiKey.objects.select_for_update().filter(pk=key.id).first()
        if row is None:
            raise NotFound(ErrorCode.KEY_NOT_FOUND)
        former = key_record(row)
        values |= {
            "previous_hash": former.key_hash if seconds else None,
            "previous_until": until if seconds else None,
        }
        _change(former, values)
        changed = get(key.id)
        _publish(ApiKeyRotated, changed, by, overlap=seconds)
    return changed, secret


def delete(key: KeyRecord, *, by: By) -> None:
    """Raises ``KEY_NOT_FOUND`` where it was deleted already."""
    with transaction.atomic():
        if not ApiKey.objects.filter(pk=key.id).delete()[0]:
            raise NotFound(ErrorCode.KEY_NOT_FOUND)
        _publish(ApiKeyDeleted, key, by)


def delete_all_of(reference_id: str) -> int:
    """The keys of an owner who is gone."""
    return ApiKey.objects.filter(reference_id=reference_id).delete()[0]


def find(key_id: str) -> KeyRecord | None:
    row = None if "\x00" in key_id else ApiKey.objects.filter(pk=key_id).first()
    return key_record(row) if row else None


def get(key_id: str) -> KeyRecord:
    """Raises ``KEY_NOT_FOUND``."""
    found = find(key_id)
    if found is None:
        raise NotFound(ErrorCode.KEY_NOT_FOUND)
    return found


def owned(reference_id: str, chosen: Collection[Configuration]) -> QuerySet[ApiKey]:
    """The keys of an owner in these configurations, oldest first. Those whose configuration is gone are the
    default one's."""
    rows = ApiKey.objects.filter(reference_id=reference_id).order_by("created_at", "id")
    ids = {one.config_id for one in chosen}
    if DEFAULT in ids:
        return rows.exclude(config_id__in=configurations().keys() - ids)
    return rows.filter(config_id__in=ids)


def delete_expired() -> int:
    """Delete what has expired; how many keys that were."""
    _, of_models = ApiKey.objects.filter(expires_at__lte=clock.now()).delete()
    return of_models.get(ApiKey._meta.label, 0)


def purge() -> None:
    """Tidy up on the way, at most every ten seconds in one process (api-key.md, section 7)."""
    global _purged_at
    if time.monotonic() - _purged_at < PURGE_SECONDS or not _purge.acquire(blocking=False):
        return
    try:
        _purged_at = time.monotonic()
        doomed = ApiKey.objects.filter(expires_at__lte=clock.now()).values_list("pk", flat=True)
        keys = list(doomed[:PURGED_AT_ONCE])
        if keys:
            ApiKey.objects.filter(pk__in=keys, expires_at__lte=clock.now()).delete()
        usage.forget_before(usage.today() - timedelta(days=auth_settings.api_keys.usage_days))
    finally:
        _purge.release()


def _change(key: KeyRecord, values: Mapping[str, Any]) -> None:
    if not ApiKey.objects.filter(pk=key.id).update(**values):
        raise NotFound(ErrorCode.KEY_NOT_FOUND)
    lookup.forget(key.key_hash, key.previous_hash)


def _start(secret: str, length: int) -> str | None:
    return secret[:length] or None


def _publish(event: type[Event], key: KeyRecord, by: By, **more: Any) -> None:
    publish(
        event(
            client=by.client,
            subject_id=key.reference_id,
            actor_id=by.actor_id,
            details={**key.named(), **more},
        )
    )
