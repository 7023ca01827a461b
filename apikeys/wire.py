"""Keys as they appear on the wire. Source: api-key.md, section 3."""

from __future__ import annotations

from typing import Any

from apikeys.records import KeyRecord
from better_auth.http.wire import iso

# What a list may be sorted by, and the columns that these names stand for.
SORTABLE = {
    "id": "id",
    "configId": "config_id",
    "name": "name",
    "start": "start",
    "prefix": "prefix",
    "referenceId": "reference_id",
    "enabled": "enabled",
    "remaining": "remaining",
    "requestCount": "request_count",
    "lastRequest": "last_request",
    "expiresAt": "expires_at",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
}


def key_object(key: KeyRecord) -> dict[str, Any]:
    """All members are always there; never the key itself. One that an operator has blocked is not enabled,
    whatever its owner says."""
    return {
        "id": key.id,
        "configId": key.config_id,
        "name": key.name,
        "start": key.start,
        "prefix": key.prefix,
        "referenceId": key.reference_id,
        "refillInterval": key.refill_interval,
        "refillAmount": key.refill_amount,
        "lastRefillAt": iso(key.last_refill_at),
        "enabled": key.is_enabled,
        "rateLimitEnabled": key.rate_limit_enabled,
        "rateLimitTimeWindow": key.rate_limit_time_window,
        "rateLimitMax": key.rate_limit_max,
        "requestCount": key.request_count,
        "remaining": key.remaining,
        "lastRequest": iso(key.last_request),
        "expiresAt": iso(key.expires_at),
        "createdAt": iso(key.created_at),
        "updatedAt": iso(key.updated_at),
        "permissions": key.permissions,
        "metadata": key.metadata,
    }
