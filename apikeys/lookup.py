"""Keys by their digest: from this process's memory, from Redis, else from the database.

They are kept as verified sessions are, by the same seconds (``SESSION.CACHE``), and void in every process as
soon as a row is saved, deleted, or changed by one of our rules.
"""

from __future__ import annotations

from apikeys.models import ApiKey
from apikeys.records import COLUMNS, KeyRecord, key_from_json
from better_auth.storage import verified_sessions
from better_auth.storage.compiled import CompiledSelect
from better_auth.storage.remembered import Remembered
from better_auth.storage.shared_values import SharedValues

_kept: Remembered[KeyRecord] = Remembered()
_shared: SharedValues[KeyRecord] = SharedValues(key_from_json)


def find(key_hash: str) -> KeyRecord | None:
    """The row that this digest belongs to, or belonged to before a rotation, as of some seconds ago."""
    return _kept.find(key_hash, lambda: _look_up(key_hash))


def find_now(key_hash: str) -> KeyRecord | None:
    """The same as the database has it now."""
    values = CompiledSelect(ApiKey, "key_hash", COLUMNS).first(key_hash)
    values = values or CompiledSelect(ApiKey, "previous_hash", COLUMNS).first(key_hash)
    return KeyRecord(*values) if values else None


def forget(*hashes: str | None) -> None:
    """What these digests stand for has changed: from now on here, and from the commit on everywhere."""
    verified_sessions.forget_names([name_of(one) for one in hashes if one])


def _look_up(key_hash: str) -> tuple[KeyRecord, tuple[str]] | None:
    found = _shared.find(name_of(key_hash), lambda: find_now(key_hash))
    return (found, (name_of(key_hash),)) if found else None


def name_of(key_hash: str) -> str:
    return f"api-key {key_hash}"
