"""``firebase``: what ``firebase auth:export`` writes, JSON or CSV, and lists of the REST interface and the
Admin SDK.

Source: Firebase's command line, ``auth:export``; the console's "Password hash parameters".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from migration_tools import neutral
from migration_tools.records import LegacyUser, PassedOver, Refused
from migration_tools.sources.csv_table import Dialect, Row, Table, ensure_text
from migration_tools.sources.files import opened
from migration_tools.sources.json_documents import Element
from migration_tools.sources.json_records import JsonRecords
from migration_tools.sources.source import SourceFault
from migration_tools.sources.vendor_values import (
    FACTOR_LEFT,
    UNKNOWN,
    account,
    object_in,
    objects_in,
    roles_in,
    told,
)

# The console's names, and those of the scheme.
NAMES = {
    "base64_signer_key": "signer_key",
    "base64_salt_separator": "salt_separator",
    "signer_key": "signer_key",
    "signer_key_env": "signer_key_env",
    "salt_separator": "salt_separator",
    "rounds": "rounds",
    "mem_cost": "mem_cost",
}
NO_KEY = (
    'the project\'s hash parameters are wanted: in the mapping [parameters] with signer_key_env = "NAME" '
    "(or base64_signer_key), base64_salt_separator, rounds, mem_cost, from the console's \"Password hash "
    'parameters"; or leave_hashes = true, and everybody needs a reset'
)
ELSEWHERE = "hash-of-another-system"
EMULATED = "emulator-hash"
NO_IDENTITY = frozenset({"password", "phone", "emailLink"})
# Cells of the table, in its fixed order.
CELLS = ("localId", "email", "emailVerified", "passwordHash", "salt", "displayName", "photoUrl")
PROVIDERS = {
    7: "google.com",
    11: "facebook.com",
    15: "twitter.com",
    19: "github.com",
    28: "apple.com",
    32: "microsoft.com",
    36: "gc.apple.com",
    40: "playgames.google.com",
    44: "linkedin.com",
    48: "yahoo.com",
}
LATER_CELLS = {
    23: "createdAt",
    24: "lastSignedInAt",
    25: "phoneNumber",
    26: "disabled",
    27: "customAttributes",
}
# By these a row is known that was moved to the right.
MILLISECONDS = re.compile(r"\d{12,14}|")
SHAPES = {23: MILLISECONDS, 24: MILLISECONDS, 25: re.compile(r"\+.*|"), 26: re.compile("true|false|")}


class FirebaseExport(JsonRecords):
    default_name = "firebase"
    wanted = frozenset({"users.*", "*"})
    has_lines = has_tables = has_own_fields = True
    id_key = "localId"
    parameters = frozenset({*NAMES, "leave_hashes"})

    def user_from(self, row: Mapping[str, Any], around: Mapping[str, str]) -> LegacyUser:
        accounts = [
            one
            for provider in objects_in(row.get("providerUserInfo"), "providerUserInfo")
            if provider.get("providerId") not in NO_IDENTITY
            and (one := account(provider.get("providerId"), provider.get("rawId")))
        ]
        if not (row.get("email") or row.get("phoneNumber") or accounts) and not self._brings_anybody():
            raise PassedOver("anonymous", "a visitor who never signed up")
        claims = object_in(row.get("customAttributes"), "customAttributes")
        warnings: list[str] = []
        user = neutral.user_from(
            told(
                external_id=row.get("localId"),
                email=row.get("email"),
                email_verified=row.get("emailVerified"),
                name=row.get("displayName"),
                image=row.get("photoUrl"),
                phone_number=row.get("phoneNumber"),
                phone_number_verified=bool(row.get("phoneNumber")),
                created_at=row.get("createdAt"),
                disabled=row.get("disabled"),
                password=self._password(row, warnings),
                accounts=accounts,
                roles=roles_in(claims),
                metadata=claims,
            )
        )
        if row.get("mfaInfo"):
            warnings.append(FACTOR_LEFT)
        user.warnings += warnings
        return user

    def table_elements(self, path: str) -> Iterator[Element]:
        """The table has no header, and its width has grown over the years."""
        with opened(path) as file:
            for row in Table(file, Dialect()).rows():
                yield _element(row)

    def _brings_anybody(self) -> bool:
        return self.policy().get("missing_email") == "placeholder"

    def _password(self, row: Mapping[str, Any], warnings: list[str]) -> dict[str, Any] | None:
        stored = row.get("passwordHash")
        if not stored or not isinstance(stored, str):
            return None
        if stored.startswith("fakeHash:"):  # the emulator's, with the password in clear
            warnings.append(EMULATED)
            return {"scheme": UNKNOWN, "hash": EMULATED}
        if str(row.get("version") or 0) != "0":
            warnings.append(ELSEWHERE)
            return {"scheme": UNKNOWN, "hash": ELSEWHERE}
        if self.parameter("leave_hashes"):
            return None
        params = {NAMES[name]: value for name, value in self._parameters.items() if name in NAMES}
        if not {"signer_key", "signer_key_env"} & params.keys():
            raise SourceFault(NO_KEY)
        if not row.get("salt"):
            raise Refused("malformed-hash", "a hash without its salt")
        return {"scheme": "firebase-scrypt", "hash": stored, "params": {"salt": row["salt"], **params}}


def _element(row: Row) -> Element:
    """Whoever put a comma into a name without quotes has moved the times, and is found by that."""
    cells = row.cells
    if row.refusal:
        return Element(row.place, refusal=row.refusal)
    if len(cells) < 26:
        return Element(
            row.place, refusal=Refused("row-too-short", f"{len(cells)} cells, there are 26 at least")
        )
    if not all(shape.fullmatch(cells[at]) for at, shape in SHAPES.items() if at < len(cells)):
        detail = "cells 24 to 27 are no times, number and truth: something before them holds a comma"
        return Element(row.place, refusal=Refused("row-shifted", detail))
    try:
        for at, cell in enumerate(cells):
            ensure_text(f"cell {at + 1}", cell)
    except Refused as refusal:
        return Element(row.place, refusal=refusal)
    found: dict[str, Any] = dict(zip(CELLS, cells, strict=False))
    found |= {name: cells[at] for at, name in LATER_CELLS.items() if at < len(cells)}
    found["providerUserInfo"] = [
        {"providerId": name, "rawId": cells[at]}
        for at, name in PROVIDERS.items()
        if at < len(cells) and cells[at]
    ]
    return Element(row.place, cells=found)
