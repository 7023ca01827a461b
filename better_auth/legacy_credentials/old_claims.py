"""The claims that the former system's tokens had, for code that was written for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from better_auth.conf import auth_settings
from better_auth.legacy_credentials.proving import Proof
from better_auth.legacy_credentials.subjects import find_legacy_id
from better_auth.storage.records import UserRecord

DEFAULT_CLAIMS = {"user_id": "legacy_id", "email": "email"}
LEGACY_ID = "legacy_id"
# What a claim may tell of a user: no part of the record that is ours alone.
FIELDS = frozenset(
    {
        "id",
        "name",
        "email",
        "email_verified",
        "username",
        "display_username",
        "phone_number",
        "role",
        "image",
        "created_at",
        "updated_at",
        "additional_fields",
    }
)


def claims_of(user: UserRecord, proof: Proof | None) -> Mapping[str, Any]:
    """As they came, or made from the user. An id that there is none of is None."""
    if proof is not None and proof.claims is not None:
        return proof.claims
    names = auth_settings.dual_auth.claims or DEFAULT_CLAIMS
    return {name: _value(user, str(field), proof) for name, field in names.items()}


def _value(user: UserRecord, field: str, proof: Proof | None) -> Any:
    if field == LEGACY_ID:
        return proof.legacy_id if proof else find_legacy_id(auth_settings.migration.source, user)
    return getattr(user, field) if field in FIELDS else user.additional_fields.get(field)
