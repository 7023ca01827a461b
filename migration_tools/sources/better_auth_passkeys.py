"""The passkeys of a Better Auth server. Source: passwordless.md, section 8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from migration_tools.records import Refused
from migration_tools.sources.better_auth_tables import Row
from migration_tools.values import moment_of, text_of, truth_of

TABLE = "passkey"
WANTED = ("userId", "publicKey", "credentialID", "counter")
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    TABLE: ("name", "deviceType", "backedUp", "transports", "createdAt", "aaguid")
}
UNREADABLE = "passkey-unreadable"


def passkeys_of(rows: Sequence[Row]) -> tuple[list[dict[str, Any]], bool]:
    """As other sources tell them; and whether one could not be read."""
    found, is_incomplete = [], False
    for row in rows:
        try:
            found.append(_passkey(row))
        except Refused:
            is_incomplete = True
    return found, is_incomplete


def _passkey(row: Row) -> dict[str, Any]:
    created_at = moment_of(row.get("createdAt"), "createdAt", UTC)
    return {
        "credential_id": text_of(row["credentialID"], "credentialID"),
        "public_key": text_of(row["publicKey"], "publicKey"),
        "counter": str(row["counter"] or 0),
        "name": text_of(row.get("name"), "name"),
        "device_type": text_of(row.get("deviceType"), "deviceType"),
        "backed_up": truth_of(row.get("backedUp"), "backedUp"),
        "transports": text_of(row.get("transports"), "transports"),
        "aaguid": text_of(row.get("aaguid"), "aaguid"),
        "created_at": created_at.isoformat() if created_at else None,
    }
