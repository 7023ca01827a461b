"""``workos``: lists of users of the interface, and records in the shape in which it takes users in.

It gives no hashes away; the shape in which it takes them is read, for whoever has written such a file.
Source: WorkOS's reference of users, and its guides of migration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migration_tools import neutral
from migration_tools.records import LegacyUser
from migration_tools.sources.json_records import JsonRecords
from migration_tools.sources.vendor_values import UNKNOWN, full_name, object_in, told

SCHEMES = {"bcrypt": "bcrypt", "scrypt": "phc", "pbkdf2": "phc", "argon2": "argon2", "ssha": "ldap"}
FIREBASE = "$firebase-scrypt$"
# Its names of Firebase's parameters.
NAMES = {
    "sk": "signer_key",
    "ss": "salt_separator",
    "r": "rounds",
    "m": "mem_cost",
    "s": "salt",
    "salt": "salt",
    "hash": "hash",
    "h": "hash",
}


class WorkosUsers(JsonRecords):
    default_name = "workos"
    wanted = frozenset({"*", "data.*", "users.*"})
    has_lines = has_tables = has_own_fields = True

    def user_from(self, row: Mapping[str, Any], around: Mapping[str, str]) -> LegacyUser:
        metadata = dict(object_in(row.get("metadata"), "metadata"))
        if row.get("external_id"):
            metadata["external_id"] = row["external_id"]
        return neutral.user_from(
            told(
                external_id=row.get("id") or row.get("external_id"),
                email=row.get("email"),
                email_verified=row.get("email_verified"),
                name=full_name(row.get("first_name"), row.get("last_name")),
                image=row.get("profile_picture_url"),
                created_at=row.get("created_at"),
                updated_at=row.get("updated_at"),
                password=password_of(row.get("password_hash"), row.get("password_hash_type")),
                metadata=metadata,
            )
        )


def password_of(stored: Any, kind: Any) -> dict[str, Any] | None:
    if not isinstance(stored, str) or not stored:
        return None
    if kind == "firebase-scrypt":
        return _firebase(stored)
    if kind not in SCHEMES:
        return {"scheme": f"{UNKNOWN}-{kind}", "hash": stored}
    if kind == "ssha" and not stored.startswith("{"):
        stored = "{SSHA}" + stored
    return {"scheme": SCHEMES[kind], "hash": stored}


def _firebase(stored: str) -> dict[str, Any]:
    """Parameters by name, then salt and hash: with names or, as PHC strings have it, without."""
    parts: dict[str, str] = {}
    unnamed: list[str] = []
    for one in stored.removeprefix(FIREBASE).replace(",", "$").split("$"):
        name, sign, value = one.partition("=")
        if sign and value and name in NAMES:
            parts[NAMES[name]] = value
        elif one:
            unnamed.append(one)
    parts |= dict(zip([name for name in ("salt", "hash") if name not in parts], unnamed, strict=False))
    found = parts.pop("hash", None)
    if found is None or "salt" not in parts or "signer_key" not in parts:
        return {"scheme": f"{UNKNOWN}-firebase-scrypt", "hash": "not-in-the-form-of-the-vendor"}
    return {"scheme": "firebase-scrypt", "hash": found, "params": parts}
