"""Frozen records of keys: what is cached, and what the rules work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from apikeys.models import ApiKey


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A row of ``ApiKey``, whose names these are."""

    id: str
    config_id: str
    reference_id: str
    name: str | None
    start: str | None
    prefix: str | None
    key_hash: str
    previous_hash: str | None
    previous_until: datetime | None
    enabled: bool
    blocked: bool
    expires_at: datetime | None
    remaining: int | None
    refill_amount: int | None
    refill_interval: int | None
    last_refill_at: datetime | None
    rate_limit_enabled: bool
    rate_limit_time_window: int | None
    rate_limit_max: int | None
    request_count: int
    last_request: datetime | None
    permissions: Mapping[str, list[str]] | None
    metadata: Mapping[str, Any] | None
    created_at: datetime
    updated_at: datetime

    def answers_to(self, key_hash: str, at: datetime) -> bool:
        """It is this key, or still the one before it."""
        if self.key_hash == key_hash:
            return True
        is_previous = self.previous_hash == key_hash
        return is_previous and self.previous_until is not None and self.previous_until > at

    @property
    def is_enabled(self) -> bool:
        return self.enabled and not self.blocked

    def is_expired(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at

    def named(self) -> dict[str, Any]:
        """How the audit log names it."""
        return {"key": self.id, "start": self.start, "name": self.name}


COLUMNS = tuple(field.name for field in fields(KeyRecord))
MOMENTS = tuple(field.name for field in fields(KeyRecord) if "datetime" in str(field.type))


def key_record(row: ApiKey) -> KeyRecord:
    return KeyRecord(*(getattr(row, name) for name in COLUMNS))


def key_from_json(values: dict[str, Any]) -> KeyRecord:
    """What ``orjson`` made of a record, and back. Raises ``KeyError``, ``TypeError`` or ``ValueError``."""
    for name in MOMENTS:
        if values[name] is not None:
            values[name] = datetime.fromisoformat(values[name])
    return KeyRecord(**values)
