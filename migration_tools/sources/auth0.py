"""``auth0``: exports of users, with the hashes that support hands out beside them; and the import schema.

Published samples write one field in several ways (``passwordHash``, ``password_hash``; ``_id``, ``_ID``; the
display names of the extension): all come to one. Source: Auth0's documentation of user migration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from migration_tools import neutral
from migration_tools.factors import totp_from
from migration_tools.records import LegacyUser, Refused
from migration_tools.sources.auth0_hashes import password_of
from migration_tools.sources.beside import Beside
from migration_tools.sources.csv_table import Dialect
from migration_tools.sources.json_documents import Element, elements
from migration_tools.sources.json_records import JsonRecords, table_elements
from migration_tools.sources.source import Told
from migration_tools.sources.vendor_values import (
    FACTOR_LEFT,
    account,
    full_name,
    object_in,
    objects_in,
    roles_in,
    told,
)

DATABASE = "auth0"
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
ALIASES = {"id": "user_id", "first_name": "given_name", "last_name": "family_name", "phone": "phone_number"}
# Codes by mail and text message are no identities.
NO_IDENTITY = frozenset({DATABASE, "email", "sms"})
WANTED = frozenset({"*", "users.*"})


class Auth0Export(JsonRecords):
    default_name = "auth0"
    wanted = WANTED
    has_lines = has_tables = has_own_fields = True
    id_key = "user_id"
    files_beside = frozenset({"hashes"})

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        path = told.also.get("hashes")
        self._hashes = Beside(path, _read_hashes, _id_of) if path else None

    def prepare(self) -> None:
        if self._hashes:
            self._hashes.prepare()

    def close(self) -> None:
        if self._hashes:
            self._hashes.close()

    def table_elements(self, path: str) -> Iterator[Element]:
        return table_elements(path, Dialect())

    def faults_beside(self) -> Iterator[Element]:
        return self._hashes.faults() if self._hashes else iter(())

    def user_from_cells(self, cells: Mapping[str, str | None]) -> LegacyUser:
        """The vendor writes a single quote before every text, so that no spreadsheet takes it for more."""
        is_quoted = any(
            (value or "").startswith("'") for name, value in cells.items() if _plain(name) == "user_id"
        )
        return self.user_from(
            {
                name.removeprefix("'"): value.removeprefix("'") if is_quoted and value else value
                for name, value in cells.items()
            },
            {},
        )

    def user_from(self, row: Mapping[str, Any], around: Mapping[str, str]) -> LegacyUser:
        row = _canonical(row)
        # The profile comes last: of what both files tell, its word counts.
        secrets = {**self._beside(row), **row}
        app, own = object_in(row.get("app_metadata"), "app_metadata"), row.get("user_metadata")
        given = full_name(row.get("given_name"), row.get("family_name"))
        warnings: list[str] = []
        user = neutral.user_from(
            told(
                external_id=_external_id(row),
                email=row.get("email"),
                email_verified=row.get("email_verified"),
                name=row.get("name") or given or row.get("nickname"),
                image=row.get("picture"),
                username=row.get("username"),
                phone_number=row.get("phone_number"),
                phone_number_verified=row.get("phone_verified"),
                created_at=row.get("created_at"),
                updated_at=row.get("updated_at"),
                disabled=row.get("blocked"),
                password=password_of(secrets),
                accounts=list(_accounts(row)),
                roles=roles_in(app),
                metadata=told(user_metadata=object_in(own, "user_metadata"), app_metadata=app),
                totp=list(_totp(secrets, warnings)),
            )
        )
        user.warnings += dict.fromkeys(warnings)
        return user

    def _beside(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        key = _id_of(row) if self._hashes else None
        if not (self._hashes and key):
            return {}
        rows = [_canonical(one) for one in self._hashes.find(key)]
        if len({str(password_of(one)) for one in rows}) > 1:
            raise Refused("several-hashes", "the file of hashes has this id more than once")
        return rows[-1] if rows else {}


def _read_hashes(path: str) -> Iterator[Element]:
    return elements(path, WANTED, has_lines=True)


def _canonical(row: Mapping[str, Any]) -> dict[str, Any]:
    """One name for each field."""
    return {_plain(name): value for name, value in row.items() if value is not None}


def _plain(name: str) -> str:
    plain = CAMEL.sub("_", name.strip().removeprefix("'")).replace(" ", "_").lower()
    return ALIASES.get(plain, plain)


def _external_id(row: Mapping[str, Any]) -> Any:
    """The whole ``user_id``, which the apps know; of a file of hashes alone, and of the import schema, the
    database's part of it has no prefix yet."""
    if row.get("user_id"):
        found = row["user_id"]
        return found if "|" in str(found) else f"{DATABASE}|{found}"
    bare = _id_of(row)
    return f"{DATABASE}|{bare}" if bare else None


def _id_of(row: Mapping[str, Any]) -> str | None:
    """The id in the database of users, by which profile and hash are joined."""
    row = _canonical(row)
    found = row.get("_id") or row.get("user_id")
    if isinstance(found, Mapping):
        found = found.get("$oid")
    return found.removeprefix(f"{DATABASE}|") if isinstance(found, str) else None


def _accounts(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """An enterprise connection is a provider of its own: its subjects are its own, too."""
    identities = objects_in(row.get("identities"), "identities")
    if not identities and "|" in str(row.get("user_id")):
        prefix, _, subject = str(row["user_id"]).partition("|")
        identities = [{"provider": prefix, "user_id": subject, "isSocial": True}]
    for one in identities:
        if one.get("provider") in NO_IDENTITY:
            continue
        is_social = one.get("isSocial") is not False
        provider = one.get("provider") if is_social else one.get("connection") or one.get("provider")
        found = account(provider, one.get("user_id"))
        if found:
            yield found


def _totp(row: Mapping[str, Any], warnings: list[str]) -> Iterator[dict[str, Any]]:
    for one in objects_in(row.get("mfa_factors"), "mfa_factors"):
        totp = object_in(one.get("totp"), "mfa_factors.totp")
        if totp.get("secret"):
            yield totp_from(totp["secret"])
        else:
            warnings.append(FACTOR_LEFT)
