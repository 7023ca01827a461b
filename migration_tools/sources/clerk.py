"""``clerk``: the dashboard's table, lists of the backend interface, and files of the migration tool.

Source: Clerk's documentation of exports and of ``password_hasher``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migration_tools import neutral
from migration_tools.factors import totp_from
from migration_tools.records import LegacyUser
from migration_tools.sources.json_records import JsonRecords
from migration_tools.sources.vendor_values import (
    FACTOR_LEFT,
    UNKNOWN,
    account,
    full_name,
    object_in,
    objects_in,
    roles_in,
    texts_in,
    told,
)

SCHEMES = {
    "bcrypt": "bcrypt",
    "bcrypt_sha256_django": "django",
    "pbkdf2_sha256_django": "django",
    "argon2i": "argon2",
    "argon2id": "argon2",
    "md5": "md5",
    "sha256": "sha256",
    "phpass": "phpass",
    "md5_phpass": "phpass",
    "scrypt_firebase": "firebase-scrypt",
    "scrypt_werkzeug": "werkzeug",
    "ldap_ssha": "ldap",
}
# name$iterations$salt$hash: the digest, and how salt and hash are written.
PBKDF2 = {
    "pbkdf2_sha1": ("sha1", "utf8", "hex"),
    "pbkdf2_sha256": ("sha256", "base64", "base64"),
    "pbkdf2_sha512": ("sha512", "base64", "base64"),
}
PACKED = re.compile(r"(?:pbkdf2_\w+\$)?(?P<iterations>\d+)\$(?P<salt>[^$]+)\$(?P<hash>[^$]+)")
FURTHER = "further-addresses"
METADATA = ("public_metadata", "private_metadata", "unsafe_metadata")


@dataclass(frozen=True, slots=True)
class Contact:
    """How a user is reached; ``has_more``: by other addresses, too."""

    email: Any
    is_verified: bool
    phone: Any
    is_phone_verified: bool
    has_more: bool


class ClerkUsers(JsonRecords):
    default_name = "clerk"
    wanted = frozenset({"*", "data.*", "users.*"})
    has_lines = has_tables = has_own_fields = True

    def user_from_cells(self, cells: Mapping[str, str | None]) -> LegacyUser:
        """Cells with several values use a bar between them."""
        emails = _split(cells.get("verified_email_addresses"))
        unverified = _split(cells.get("unverified_email_addresses"))
        phones = _split(cells.get("verified_phone_numbers"))
        primary = cells.get("primary_email_address") or next(iter(emails + unverified), None)
        phone = cells.get("primary_phone_number") or next(iter(phones), None)
        return _user(
            {**cells, "backup_codes": _split(cells.get("backup_codes"))},
            Contact(
                email=primary,
                is_verified=primary in emails,
                phone=phone,
                is_phone_verified=phone in phones,
                has_more=len({*emails, *unverified} - {primary}) > 0,
            ),
        )

    def user_from(self, row: Mapping[str, Any], around: Mapping[str, str]) -> LegacyUser:
        emails = list(_contacts(row, "email_addresses", "email_address"))
        phones = list(_contacts(row, "phone_numbers", "phone_number"))
        email, is_verified = _primary(emails, row.get("primary_email_address_id"))
        phone, is_phone_verified = _primary(phones, row.get("primary_phone_number_id"))
        return _user(
            row,
            Contact(
                email=row.get("primary_email_address") or email,
                is_verified=is_verified,
                phone=row.get("primary_phone_number") or phone,
                is_phone_verified=is_phone_verified,
                has_more=len(emails) > 1,
            ),
        )


def _user(row: Mapping[str, Any], contact: Contact) -> LegacyUser:
    public, private, unsafe = (object_in(row.get(name), name) for name in METADATA)
    secret = row.get("totp_secret")
    user = neutral.user_from(
        told(
            external_id=row.get("id") or row.get("userId"),
            email=contact.email,
            email_verified=contact.is_verified,
            name=full_name(row.get("first_name"), row.get("last_name")),
            image=row.get("image_url"),
            username=row.get("username"),
            phone_number=contact.phone,
            phone_number_verified=contact.is_phone_verified,
            created_at=row.get("created_at"),
            updated_at=row.get("updated_at"),
            disabled=row.get("banned"),
            password=password_of(row.get("password_digest"), row.get("password_hasher")),
            accounts=_accounts(row),
            # What users write themselves is never a role.
            roles=roles_in(public) + roles_in(private),
            metadata=told(**dict(zip(METADATA, (public, private, unsafe), strict=True))),
            totp=totp_from(secret) if secret else None,
            recovery_codes=texts_in(row.get("backup_codes")),
        )
    )
    if not secret and any(row.get(name) for name in ("totp_enabled", "two_factor_enabled", "passkeys")):
        user.warnings.append(FACTOR_LEFT)
    if contact.has_more:
        user.warnings.append(FURTHER)
    return user


def password_of(digest: Any, hasher: Any) -> dict[str, Any] | None:
    """By the name of the hasher; one that is not known, or whose form is not published, is counted."""
    if not isinstance(digest, str) or not digest:
        return None
    if hasher in SCHEMES:
        return {"scheme": SCHEMES[hasher], "hash": digest}
    packed = PACKED.fullmatch(digest)
    if hasher in PBKDF2 and packed:
        name, salt_encoding, encoding = PBKDF2[hasher]
        params = {
            "digest": name,
            "iterations": int(packed["iterations"][:12]),
            "salt": packed["salt"],
            "salt_encoding": salt_encoding,
            "encoding": encoding,
        }
        return {"scheme": "pbkdf2", "hash": packed["hash"], "params": params}
    return {"scheme": f"{UNKNOWN}-{hasher}", "hash": digest}


def _split(cell: str | None) -> list[str]:
    return [one.strip() for one in (cell or "").split("|") if one.strip()]


def _contacts(row: Mapping[str, Any], plural: str, singular: str) -> Iterator[tuple[Any, Any, bool]]:
    """Id, value, and whether it is verified: objects of the interface, or bare texts of the tool."""
    verified = {*texts_in(row.get(f"verified_{plural}"))}
    for one in row.get(plural) or ():
        if isinstance(one, Mapping):
            status = object_in(one.get("verification"), "verification").get("status")
            yield one.get("id"), one.get(singular), status == "verified"
        elif isinstance(one, str):
            yield None, one, one in verified


def _primary(contacts: list[tuple[Any, Any, bool]], chosen: Any) -> tuple[Any, bool]:
    in_order = [one for one in contacts if chosen is not None and one[0] == chosen] + contacts
    return (in_order[0][1], in_order[0][2]) if in_order else (None, False)


def _accounts(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = objects_in(row.get("external_accounts"), "external_accounts")
    return [one for each in found if (one := account(each.get("provider"), each.get("provider_user_id")))]
