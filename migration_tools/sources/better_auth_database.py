"""``better-auth``: the live database of a Better Auth server, with its sessions.

Ids stay, hashes stay, and with the same secret the cookies that the old server set go on working: a session
is found by the digest of its token, and the cookie's signature is the same here.

Source: storage-and-crypto.md, section 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any

import orjson

from better_auth import clock
from better_auth.adopted_keys import AdoptedKey
from migration_tools.neutral import external_id_of
from migration_tools.records import (
    LegacyAccount,
    LegacyPassword,
    LegacyRow,
    LegacySession,
    LegacyUser,
    Read,
    Refused,
    RowKind,
)
from migration_tools.sources import (
    better_auth_api_keys,
    better_auth_factors,
    better_auth_organizations,
    better_auth_passkeys,
    watermarks,
)
from migration_tools.sources.better_auth_api_keys import ApiKeyTable
from migration_tools.sources.better_auth_organizations import OrganizationTables
from migration_tools.sources.better_auth_tables import TableOfUsers
from migration_tools.sources.databases import Database, Selection
from migration_tools.sources.source import Share, Source, SourceFault, Told
from migration_tools.values import moment_of, text_of, truth_of

CREDENTIAL = "credential"
# What seeds that were not written by the server itself have there.
BY_HAND = "email"
USER = ("id", "name", "email", "emailVerified", "image", "createdAt", "updatedAt")
PLUGINS = ("username", "displayUsername", "phoneNumber", "phoneNumberVerified", "isAnonymous", "role")
BANS = ("banned", "banReason", "banExpires", "twoFactorEnabled")
ACCOUNT = ("accountId", "providerId", "scope", "password", "createdAt")
ISSUER = ("issuer",)
SESSION = ("token", "expiresAt", "createdAt", "updatedAt", "ipAddress", "userAgent")
ACTIVE = ("activeOrganizationId", "activeTeamId")
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    **better_auth_organizations.OPTIONAL,
    **better_auth_api_keys.OPTIONAL,
    **better_auth_factors.OPTIONAL,
    **better_auth_passkeys.OPTIONAL,
    "user": (*PLUGINS, *BANS),
    "account": (*ISSUER, "updatedAt"),
    "session": ("impersonatedBy", *ACTIVE),
}
# When a row was changed last. The table of accounts has lacked it.
WATERMARK = "updatedAt"
# Of keys from before the table named them.
ALGORITHMS = {"Ed25519": "EdDSA", "P-256": "ES256", "P-521": "ES512"}
HUMP = re.compile(r"(?<!^)(?<![A-Z])(?=[A-Z])")


class BetterAuthDatabase(Source):
    is_trusted = True
    default_name = "better-auth"
    has_watermark = True

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        self.database = Database(self.ensure_dsn())
        source = told.mapping.source if told.mapping else {}
        self._tables: Mapping[str, str] = source.get("tables", {})
        self._columns: Mapping[str, str] = source.get("columns", {})
        self._found: dict[str, str | None] = {}
        self._user = self._names("user", USER)
        self._account = self._names("account", ("userId", *ACCOUNT))
        self._session = self._names("session", ("userId", *SESSION))
        self._organizations = OrganizationTables(self.database, self._found_table, self._names)
        self._passkeys = self._table_of(better_auth_passkeys.TABLE, better_auth_passkeys.WANTED)
        self._api_keys = ApiKeyTable(self.database, self._found_table, self._names)
        self._factors = self._table_of(better_auth_factors.TABLE, better_auth_factors.WANTED)
        self._watermarks()

    def _table_of(self, table: str, wanted: Sequence[str]) -> TableOfUsers:
        return TableOfUsers(self.database, self._found_table, self._names, table=table, wanted=wanted)

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        selection, changed = self._selection(), self._changed()
        for page, position_of in watermarks.pages(self.database, selection, after, self.window, changed):
            keys = [row["__key"] for row in page]
            accounts = self._related("account", self._account, keys)
            sessions = self._related("session", self._session, keys)
            in_organizations = self._organizations.rows_of(keys)
            places = {key: _places(rows) for key, (rows, _) in in_organizations.items()}
            api_keys = self._api_keys.keys_of(keys, places)
            factors = self._factors.rows_of(keys)
            passkeys = self._passkeys.rows_of(keys)
            for row in page:
                key = row["__key"]
                place, position = f"user {key}", position_of(key)
                try:
                    user = self._user_from(row, accounts.get(key, ()), sessions.get(key, ()))
                    self._add_factors(user, row, factors.get(key, ()))
                    _add_passkeys(user, passkeys.get(key, ()))
                    user.organization_rows, is_incomplete = in_organizations.get(key, ((), False))
                    if is_incomplete:
                        user.warnings.append(better_auth_organizations.UNREADABLE)
                    user.api_keys, is_incomplete = api_keys.get(key, ((), False))
                    if is_incomplete:
                        user.warnings.append(better_auth_api_keys.UNREADABLE)
                    yield Read(place, position, user=user)
                except Refused as refusal:
                    yield Read(place, position, refusal=refusal, external_id=str(key))

    def total(self) -> int:
        changed = self._changed()
        if self.window and changed:
            return watermarks.count(self.database, self._selection(), self.window, changed)
        where = f" WHERE {self.database.literal(self.told.where)}" if self.told.where else ""
        table = self.database.quote(self._table("user"))
        return int(self.database.value(f"SELECT count(*) FROM {table}{where}"))  # noqa: S608

    def identity(self) -> Mapping[str, Any]:
        where = self.told.where or ""
        return {"database": self.database.address, "relation": self._table("user"), "where": where}

    def reached(self, overlap: timedelta) -> str | None:
        return watermarks.reached(self.database, list(self._watermarks().values()), overlap)

    def id_at(self, place: str) -> str | None:
        return place.removeprefix("user ") if place.startswith("user ") else None

    def close(self) -> None:
        self.database.close()

    def _selection(self) -> Selection:
        return Selection(self.database.quote(self._table("user")), self._user["id"], where=self.told.where)

    def _watermarks(self) -> dict[str, watermarks.Column]:
        """By table: a password that changes, or a session that goes on, does not touch the user's row."""
        wanted = self.told.watermark
        if wanted is None:
            return {}
        tables = {"user": self._user, "account": self._account, "session": self._session}
        if self._api_keys.names:
            tables[better_auth_api_keys.TABLE] = self._api_keys.names
        if wanted not in (WATERMARK, self._user[WATERMARK]):
            raise SourceFault(f"the watermark {wanted!r}: this source knows {WATERMARK} only")
        found = {}
        for table, names in tables.items():
            if WATERMARK not in names:
                raise SourceFault(f"{table} has no column {WATERMARK}: without it no watermark can be kept")
            relation, column = self.database.quote(self._table(table)), self.database.quote(names[WATERMARK])
            found[table] = watermarks.Column(relation, column, f"{table}.{names[WATERMARK]}", zone=UTC)
        return found

    def _changed(self) -> watermarks.Condition | None:
        columns = self._watermarks()
        if self.window is None or not columns:
            return None
        place, quote = self.database.place, self.database.quote
        conditions = {name: watermarks.since(self.window, one, place) for name, one in columns.items()}
        parts = [conditions["user"].sql]
        owners = {"account": self._account["userId"], "session": self._session["userId"]}
        if better_auth_api_keys.TABLE in columns:
            owners[better_auth_api_keys.TABLE] = self._api_keys.owner
        # Of keys the owner is text, whatever kind of id users have.
        text = "CHAR" if self.database.vendor == "mysql" else "TEXT"
        for table, name in owners.items():
            user, owner = quote(self._user["id"]), quote(name)
            if table == better_auth_api_keys.TABLE:
                user, owner = f"CAST({user} AS {text})", f"CAST({owner} AS {text})"
            parts.append(
                f"{user} IN (SELECT {owner} FROM {columns[table].relation} "  # noqa: S608
                f"WHERE {owner} IS NOT NULL AND {conditions[table].sql})"
            )
        parameters = tuple(one for each in conditions.values() for one in each.parameters)
        return watermarks.Condition(f"({' OR '.join(parts)})", parameters)

    def signing_keys(self) -> Sequence[AdoptedKey]:
        """Those of the ``jwt`` plugin, where it was in use."""
        table = self._table("jwks")
        if not self.database.has_table(table):
            return ()
        rows = self.database.rows(f"SELECT * FROM {self.database.quote(table)}").dicts()  # noqa: S608
        return [_signing_key(row) for row in rows]

    def _table(self, name: str) -> str:
        return str(self._tables.get(name) or self._found_table(name) or name)

    def _found_table(self, name: str) -> str | None:
        """As it is called there; None where there is none."""
        if name not in self._found:
            told = self._tables.get(name)
            spellings = [str(told)] if told else dict.fromkeys((name, HUMP.sub("_", name).lower()))
            self._found[name] = next((one for one in spellings if self.database.has_table(one)), None)
        return self._found[name]

    def _names(self, table: str, wanted: Sequence[str]) -> dict[str, str]:
        """The protocol's names of columns, and what they are called in this database."""
        if not self.database.has_table(self._table(table)):
            raise SourceFault(
                f"there is no table {self._table(table)!r} in that database: "
                f"name it in the mapping, tables = {{ {table} = … }}"
            )
        there = self.database.columns_of(self.database.quote(self._table(table)))
        names = {}
        for name in (*wanted, *OPTIONAL[table]):
            spellings = (
                self._columns.get(f"{table}.{name}"),
                name,
                HUMP.sub("_", name).lower(),
                name.lower(),
            )
            found = next((one for one in spellings if one in there), None)
            if found:
                names[name] = found
            elif name in wanted:
                raise SourceFault(
                    f"{table} has no column {name}: "
                    f"name it in the mapping, columns = {{ '{table}.{name}' = … }}"
                )
        return names

    def _related(
        self, table: str, names: Mapping[str, str], keys: Sequence[Any]
    ) -> dict[Any, list[dict[str, Any]]]:
        columns = {name: column for name, column in names.items() if name != "userId"}
        found = self.database.related(self._table(table), names["userId"], keys, names=list(columns.values()))
        return {
            key: [{name: row[column] for name, column in columns.items()} for row in rows]
            for key, rows in found.items()
        }

    def _user_from(
        self,
        row: Mapping[str, Any],
        accounts: Sequence[Mapping[str, Any]],
        sessions: Sequence[Mapping[str, Any]],
    ) -> LegacyUser:
        got = {name: row[column] for name, column in self._user.items()}
        get = got.get
        is_phone_verified = truth_of(get("phoneNumberVerified"), "phoneNumberVerified")
        user = LegacyUser(
            external_id_of(got["id"]),
            email=text_of(got["email"], "email"),
            email_verified=truth_of(got["emailVerified"], "emailVerified"),
            name=text_of(got["name"], "name") or "",
            image=text_of(got["image"], "image"),
            username=text_of(get("displayUsername") or get("username"), "username"),
            phone_number=text_of(get("phoneNumber"), "phoneNumber"),
            phone_number_verified=is_phone_verified,
            created_at=moment_of(got["createdAt"], "createdAt", UTC),
            updated_at=moment_of(got["updatedAt"], "updatedAt", UTC),
            disabled=truth_of(get("banned"), "banned"),
            ban_reason=text_of(get("banReason"), "banReason"),
            ban_expires=moment_of(get("banExpires"), "banExpires", UTC),
            roles=_roles(text_of(get("role"), "role")),
            metadata=self._others(row),
        )
        _read_accounts(user, accounts)
        user.sessions = tuple(_sessions(sessions))
        return user

    def _add_factors(
        self, user: LegacyUser, row: Mapping[str, Any], factors: Sequence[Mapping[str, Any]]
    ) -> None:
        told = row[self._user["twoFactorEnabled"]] if "twoFactorEnabled" in self._user else None
        is_enabled = truth_of(told, "twoFactorEnabled")
        extra, is_incomplete = better_auth_factors.extra_of(factors, is_enabled=is_enabled)
        user.extra = {**user.extra, **extra}
        if is_incomplete:
            user.warnings.append(better_auth_factors.NOT_BROUGHT)

    def _others(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Additional fields of the old server's configuration, as far as JSON can hold them."""
        known = {*self._user.values(), "__key"}
        return {
            name: value
            for name, value in row.items()
            if name not in known and isinstance(value, str | int | float | bool) and "\0" not in str(value)
        }


def _places(rows: Sequence[LegacyRow]) -> list[str]:
    """The organizations that come along."""
    return [one.id for one in rows if one.kind is RowKind.ORGANIZATION]


def _signing_key(row: Mapping[str, Any]) -> AdoptedKey:
    public_key = text_of(row["publicKey"], "publicKey") or ""
    members = orjson.loads(public_key)
    algorithm = (
        text_of(row.get("alg"), "alg") or members.get("alg") or ALGORITHMS.get(members.get("crv"), "EdDSA")
    )
    return AdoptedKey(
        kid=text_of(row["id"], "id") or "",
        alg=algorithm,
        crv=text_of(row.get("crv"), "crv") or members.get("crv"),
        public_key=public_key,
        private_key=text_of(row["privateKey"], "privateKey") or "",
        created_at=moment_of(row["createdAt"], "createdAt", UTC) or clock.now(),
    )


def _roles(told: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (told or "").split(",") if part.strip())


def _read_accounts(user: LegacyUser, rows: Sequence[Mapping[str, Any]]) -> None:
    found = []
    for row in rows:
        provider, subject = text_of(row["providerId"], "providerId"), text_of(row["accountId"], "accountId")
        stored = text_of(row["password"], "password")
        if provider == CREDENTIAL or (provider == BY_HAND and stored):
            if stored and user.password is not None:
                raise Refused("several-passwords", "the user has two credential accounts")
            if stored:
                user.password = LegacyPassword("scrypt-better-auth" if ":" in stored else "auto", stored)
        elif provider and subject:
            issuer = text_of(row.get("issuer"), "issuer")
            created_at = moment_of(row["createdAt"], "createdAt", UTC)
            scope = text_of(row["scope"], "scope")
            found.append(LegacyAccount(provider, subject, issuer=issuer, scope=scope, created_at=created_at))
    user.accounts = tuple(found)


def _add_passkeys(user: LegacyUser, rows: Sequence[Mapping[str, Any]]) -> None:
    found, is_incomplete = better_auth_passkeys.passkeys_of(rows)
    if found:
        user.extra = {**user.extra, "passkeys": found}
    if is_incomplete:
        user.warnings.append(better_auth_passkeys.UNREADABLE)


def _sessions(rows: Sequence[Mapping[str, Any]]) -> Iterator[LegacySession]:
    """Those that live, but for the ones in which an administrator acts for the user."""
    now = clock.now()
    for row in rows:
        expires_at, token = moment_of(row["expiresAt"], "expiresAt", UTC), text_of(row["token"], "token")
        if not token or expires_at is None or expires_at <= now or row.get("impersonatedBy"):
            continue
        yield LegacySession(
            token,
            expires_at,
            created_at=moment_of(row["createdAt"], "createdAt", UTC) or now,
            updated_at=moment_of(row["updatedAt"], "updatedAt", UTC) or now,
            ip_address=text_of(row["ipAddress"], "ipAddress") or "",
            user_agent=text_of(row["userAgent"], "userAgent") or "",
            active_organization_id=text_of(row.get("activeOrganizationId"), "activeOrganizationId"),
            active_team_id=text_of(row.get("activeTeamId"), "activeTeamId"),
        )
