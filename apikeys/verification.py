"""Whether a key opens something now. Source: api-key.md, section 6."""

from __future__ import annotations

import hmac
from datetime import datetime

from django.db.models import Q

from apikeys import limits, lookup, refusals, usage
from apikeys.errors import ErrorCode, KeyRefused
from apikeys.key_format import LONGEST_KEY, is_mistyped
from apikeys.models import ApiKey
from apikeys.permissions import Permissions, covers
from apikeys.records import KeyRecord
from better_auth import clock
from better_auth.crypto.identifiers import api_key_digest


def verify(
    key: str,
    *,
    config_id: str | None = None,
    permissions: Permissions | None = None,
    read_only: bool = False,
) -> KeyRecord:
    """The record of a key that is good, and one use of it counted.

    ``config_id``: the only configuration that counts. ``permissions``: those that are needed. ``read_only``:
    a key that is over is not deleted. Raises ``KeyRefused`` with the protocol's code.
    """
    found = find_presented(key)
    if found is None or (config_id is not None and found.config_id != config_id):
        raise KeyRefused(ErrorCode.INVALID_API_KEY)
    use(found, permissions=permissions, read_only=read_only)
    return found


def find_presented(key: str, *, from_store: bool = False) -> KeyRecord | None:
    """Whose key this is, good or not; what can't be one costs no look-up. As of at most some seconds ago, or
    with ``from_store`` as of now."""
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
        return None
    now, key_hash, find = clock.now(), api_key_digest(key), lookup.find_now if from_store else lookup.find
    found = None if is_mistyped(key) else find(key_hash)
    if found is None or not found.answers_to(key_hash, now):
        return None
    shown = found.key_hash if found.key_hash == key_hash else found.previous_hash or ""
    return found if hmac.compare_digest(shown, key_hash) else None


def use(
    key: KeyRecord,
    *,
    permissions: Permissions | None = None,
    read_only: bool = False,
    is_counted: bool = False,
) -> None:
    """Count a use of the key, if it is good for one; of one that ``is_counted`` already only whether it is
    good. Raises ``KeyRefused``."""
    now = clock.now()
    try:
        _ensure_good(key, now, permissions, read_only=read_only)
        if not is_counted and limits.is_counted(key):
            limits.spend(key, now, read_only=read_only)
    except KeyRefused as refusal:
        refusals.tell(key, refusal)
        raise
    if not is_counted:
        usage.note(key.id, now, is_written=limits.is_counted(key))


def _ensure_good(key: KeyRecord, now: datetime, wanted: Permissions | None, *, read_only: bool) -> None:
    if not key.is_enabled:
        raise KeyRefused(ErrorCode.KEY_DISABLED)
    if key.is_expired(now):
        if not read_only:
            _delete_expired(key, now)
        raise KeyRefused(ErrorCode.KEY_EXPIRED)
    if wanted is not None and not covers(key.permissions, wanted):
        raise KeyRefused(ErrorCode.KEY_NOT_FOUND)


def _delete_expired(key: KeyRecord, now: datetime) -> None:
    """As of now: its life may have been prolonged since the record was read."""
    ApiKey.objects.filter(Q(expires_at__lte=now), pk=key.id).delete()
