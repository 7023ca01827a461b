"""``supabase``: the tables of its schema ``auth``, from files or from the living database.

Files are made in many ways: truths and numbers may be text, JSON may be text, nothing may be an empty text.
Source: supabase/auth, its migrations and models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

from better_auth import clock
from migration_tools import neutral
from migration_tools.factors import totp_from
from migration_tools.records import LegacyUser, PassedOver, Read, Refused
from migration_tools.sources.beside import Beside
from migration_tools.sources.csv_table import Dialect
from migration_tools.sources.databases import Database, Selection, key_from, key_text
from migration_tools.sources.json_documents import Element, elements
from migration_tools.sources.json_records import NOT_OURS, JsonRecords, begins_as_json, table_elements
from migration_tools.sources.source import Share, SourceFault, Told
from migration_tools.sources.vendor_values import (
    DIGITS,
    FACTOR_LEFT,
    account,
    object_in,
    roles_in,
    texts_in,
    told,
)
from migration_tools.values import moment_of, truth_of

USERS, IDENTITIES, FACTORS = "auth.users", "auth.identities", "auth.mfa_factors"
# An address or a number is no identity at a provider.
NO_IDENTITY = frozenset({"email", "phone"})
IDENTITIES_LEFT = "identities-not-brought"
WANTED = frozenset({"*", "users.*", "data.*"})
Row = Mapping[str, Any]


class SupabaseUsers(JsonRecords):
    """Users in ``--input`` with identities and factors beside them, or all of it over ``--dsn``."""

    default_name = "supabase"
    wanted = WANTED
    has_lines = has_tables = has_own_fields = True
    files_beside = frozenset({"identities", "factors"})

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        self._beside = {name: Beside(path, _read_beside, _owner) for name, path in told.also.items()}
        self._database = _Tables(self.ensure_dsn(), told.where) if told.dsn else None
        if self._database and told.also:
            raise SourceFault("--also is for files: a database has identities and factors of its own")

    def prepare(self) -> None:
        for one in self._beside.values():
            one.prepare()

    def close(self) -> None:
        for one in self._beside.values():
            one.close()
        if self._database:
            self._database.close()

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        return self._database.read(after, share) if self._database else super().read(after, share)

    def total(self) -> int | None:
        return self._database.total() if self._database else None

    def identity(self) -> Mapping[str, Any]:
        return self._database.identity() if self._database else super().identity()

    def faults_beside(self) -> Iterator[Element]:
        for name in sorted(self._beside):
            yield from self._beside[name].faults()

    def user_from(self, row: Row, around: Mapping[str, str]) -> LegacyUser:
        key = str(row.get("id"))
        found = {name: one.find(key) for name, one in self._beside.items()}
        return _user(row, found.get("identities"), found.get("factors", ()))


class _Tables:
    """The living database."""

    def __init__(self, dsn: str, where: str | None) -> None:
        self._database, self._where = Database(dsn), where
        self._users = self._database.quote(USERS)
        if not self._columns(USERS):
            raise SourceFault(f"there is no table {USERS} in that database, or it may not be read")
        # Of old the subject was the id of the row.
        of_identities = self._columns(IDENTITIES)
        self._subject = "provider_id" if "provider_id" in of_identities else "id"
        self._has_identities, self._has_factors = bool(of_identities), bool(self._columns(FACTORS))

    def read(self, after: str, share: Share | None) -> Iterator[Read]:
        number = -1
        selection = Selection(self._users, "id", where=self._where)
        for page in self._database.pages(selection, key_from(after)):
            keys = [row["__key"] for row in page]
            identities = self._related(IDENTITIES, keys, ("provider", self._subject), self._has_identities)
            factors = self._related(FACTORS, keys, ("factor_type", "status", "secret"), self._has_factors)
            for row in page:
                number += 1
                if share is not None and not share.has(number):
                    yield NOT_OURS
                    continue
                key = row.pop("__key")
                place, position = f"{USERS} {key}", key_text(key)
                try:
                    user = _user(row, identities.get(key, ()), factors.get(key, ()))
                    yield Read(place, position, user=user)
                except Refused as refusal:
                    yield Read(place, position, refusal=refusal, external_id=str(key))

    def total(self) -> int:
        where = f" WHERE {self._database.literal(self._where)}" if self._where else ""
        return int(self._database.value(f"SELECT count(*) FROM {self._users}{where}"))  # noqa: S608

    def identity(self) -> Mapping[str, Any]:
        return {"database": self._database.address, "relation": USERS, "where": self._where or ""}

    def close(self) -> None:
        self._database.close()

    def _columns(self, table: str) -> list[str]:
        return (
            self._database.columns_of(self._database.quote(table)) if self._database.has_table(table) else []
        )

    def _related(
        self, table: str, keys: Sequence[Any], names: Sequence[str], is_there: bool
    ) -> dict[Any, list[Any]]:
        return self._database.related(table, "user_id", keys, names=names) if is_there else {}


def _user(row: Row, identities: Sequence[Row] | None, factors: Sequence[Row]) -> LegacyUser:
    """``identities``: None where nobody has told any."""
    if truth_of(row.get("is_anonymous"), "is_anonymous"):
        raise PassedOver("anonymous", "a visitor who never signed up")
    app = object_in(row.get("raw_app_meta_data"), "raw_app_meta_data")
    own = object_in(row.get("raw_user_meta_data"), "raw_user_meta_data")
    banned_until = moment_of(row.get("banned_until"), "banned_until", UTC)
    is_banned = banned_until is not None and banned_until > clock.now()
    accounts = [one for one in map(_account, identities or ()) if one]
    stored = row.get("encrypted_password")
    user = neutral.user_from(
        told(
            external_id=row.get("id"),
            email=row.get("email"),
            email_verified=bool(row.get("email_confirmed_at") or row.get("confirmed_at")),
            name=own.get("full_name") or own.get("name"),
            image=own.get("avatar_url") or own.get("picture"),
            phone_number=_phone(row.get("phone")),
            phone_number_verified=bool(row.get("phone_confirmed_at")),
            created_at=row.get("created_at"),
            updated_at=row.get("updated_at"),
            disabled=is_banned,
            ban_expires=banned_until if is_banned else None,
            deleted_at=row.get("deleted_at"),
            password={"scheme": "supabase", "hash": stored} if stored else None,
            accounts=accounts,
            # What users write themselves is never a role.
            roles=roles_in(app),
            metadata=told(user_metadata=own, app_metadata=app),
            totp=[totp_from(one.get("secret")) for one in factors if _is_totp(one)],
        ),
        UTC,
    )
    if any(not _is_totp(one) and one.get("status") == "verified" for one in factors):
        user.warnings.append(FACTOR_LEFT)
    if identities is None and set(texts_in(app.get("providers"))) - NO_IDENTITY:
        user.warnings.append(IDENTITIES_LEFT)
    return user


def _account(row: Row) -> dict[str, Any] | None:
    """``sso:<uuid>`` is a provider of its own."""
    if row.get("provider") in NO_IDENTITY:
        return None
    data = object_in(row.get("identity_data"), "identity_data")
    return account(row.get("provider"), row.get("provider_id") or data.get("sub") or row.get("id"))


def _is_totp(row: Row) -> bool:
    return row.get("factor_type") == "totp" and row.get("status") == "verified"


def _phone(stored: Any) -> Any:
    """Numbers stand there without their plus."""
    return f"+{stored}" if isinstance(stored, str) and DIGITS.fullmatch(stored) else stored


def _read_beside(path: str) -> Iterator[Element]:
    if begins_as_json(path):
        return elements(path, WANTED, has_lines=True)
    return table_elements(path, Dialect(), wanted="user_id")


def _owner(row: Row) -> str | None:
    found = row.get("user_id")
    return str(found) if found else None
