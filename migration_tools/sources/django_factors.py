"""Second factors of a Django project: the tables of django-otp and of allauth's MFA.

Source: django-otp 1.7, plugins ``otp_totp`` and ``otp_static``; django-allauth 65, ``allauth.mfa``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from migration_tools.factors import base32_of, totp_from
from migration_tools.records import Refused
from migration_tools.sources.databases import Database
from migration_tools.sources.vendor_values import object_in

DEVICES = ("otp_totp_totpdevice", ("key", "step", "digits", "t0", "confirmed"))
STATIC, TOKENS = "otp_static_staticdevice", "otp_static_statictoken"
AUTHENTICATORS = ("mfa_authenticator", ("type", "data"))
UNREADABLE = {"secret_base32": ""}
Found = dict[Any, dict[str, list[Any]]]


class DjangoFactors:
    """Reads whichever of the tables there are."""

    def __init__(self, database: Database) -> None:
        self._database = database
        names = (DEVICES[0], STATIC, AUTHENTICATORS[0])
        self._tables = {name for name in names if database.has_table(name)}

    def of(self, keys: Sequence[Any]) -> Found:
        """By user, what ``factors.factors_of`` understands."""
        found: Found = {}
        for key, one in self._rows(DEVICES[0], keys, DEVICES[1]):
            if one["confirmed"]:
                _add(found, key, "totp", _device(one))
        self._add_static(found, keys)
        for key, one in self._rows(AUTHENTICATORS[0], keys, AUTHENTICATORS[1]):
            kind, data = str(one["type"]), _data(one["data"])
            if kind == "totp":
                _add(found, key, "totp", totp_from(data.get("secret")) if data else UNREADABLE)
            elif kind == "recovery_codes":
                _add(found, key, "recovery_codes", data)
            elif kind == "webauthn":
                _add(found, key, "passkeys", data)
        return found

    def _add_static(self, found: Found, keys: Sequence[Any]) -> None:
        owners = {
            one["id"]: key for key, one in self._rows(STATIC, keys, ("id", "confirmed")) if one["confirmed"]
        }
        tokens = self._database.related(TOKENS, "device_id", list(owners), names=("token",))
        for device, rows in tokens.items():
            for one in rows:
                _add(found, owners[device], "recovery_codes", str(one["token"]))

    def _rows(
        self, table: str, keys: Sequence[Any], names: Sequence[str]
    ) -> list[tuple[Any, Mapping[str, Any]]]:
        if table not in self._tables:
            return []
        related = self._database.related(table, "user_id", keys, names=names)
        return [(key, one) for key, rows in related.items() for one in rows]


def _add(found: Found, key: Any, kind: str, value: Any) -> None:
    found.setdefault(key, {}).setdefault(kind, []).append(value)


def _device(row: Mapping[str, Any]) -> dict[str, Any]:
    """Its key is hexadecimal. One that does not count from 1970 would never show our codes."""
    try:
        secret = base32_of(bytes.fromhex(str(row["key"]).strip()))
    except ValueError:
        return UNREADABLE
    return totp_from(secret, digits=row["digits"], period=row["step"]) if not row["t0"] else UNREADABLE


def _data(stored: Any) -> Mapping[str, Any]:
    """JSON, which some databases give as text."""
    try:
        return object_in(stored, "data")
    except Refused:
        return {}
