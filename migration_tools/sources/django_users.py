"""``django``: a table of the shape of ``auth_user``, in this or another database, with what hangs on it.

Identities of allauth and of social-auth become accounts; factors of django-otp and of allauth are kept.
Staff, superusers and groups are read, and count only where the mapping says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections, router

from migration_tools.neutral import external_id_of
from migration_tools.providers import provider_of
from migration_tools.records import LegacyAccount, LegacyPassword, LegacyUser, Read, Refused
from migration_tools.sources import watermarks
from migration_tools.sources.databases import Database, Selection
from migration_tools.sources.django_factors import DjangoFactors
from migration_tools.sources.source import Share, Source, SourceFault, Told
from migration_tools.values import moment_of, text_of, truth_of

TABLE = "auth_user"
WANTED = ("id", "password")
# Tables of identities, with the columns of provider and subject.
IDENTITIES = {
    "socialaccount_socialaccount": ("provider", "uid"),
    "social_auth_usersocialauth": ("provider", "uid"),
}
ADDRESSES = "account_emailaddress"
INACTIVE = "migrated:inactive"
UNUSABLE = "!"


class DjangoUsers(Source):
    default_name = "django"
    has_watermark = True

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        table = told.mapping.source.get("table") if told.mapping else None
        self.table = str(table or TABLE)
        dsn = self.ensure_dsn() if told.dsn or told.input else "default"
        _ensure_not_ours(dsn, self.table)
        self.database = Database(dsn)
        self.relation = self.database.quote(self.table)
        if not self.database.has_table(self.table):
            raise SourceFault(f"there is no table {self.table} in that database (mapping: table = …)")
        missing = set(WANTED) - set(self.database.columns_of(self.relation))
        if missing:
            raise SourceFault(f"{self.table} has no column {', '.join(sorted(missing))}: use --source sql")
        self._watermark = watermarks.column_of(
            self.database, self.relation, told, self.table, where=told.where
        )
        self._identities = [name for name in IDENTITIES if self.database.has_table(name)]
        self._has_addresses = self.database.has_table(ADDRESSES)
        self._factors = DjangoFactors(self.database)
        self._groups = f"{self.table}_groups" if self.database.has_table(f"{self.table}_groups") else None

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        selection = Selection(self.relation, "id", where=self.told.where)
        changed = self._changed()
        for page, position_of in watermarks.pages(self.database, selection, after, self.window, changed):
            keys = [row["__key"] for row in page]
            around, factors = self._around(keys), self._factors.of(keys)
            for row in page:
                key = row["__key"]
                place, position = f"{self.table} {key}", position_of(key)
                try:
                    yield Read(
                        place, position, user=_user_from(row, around.get(key, {}), factors.get(key, {}))
                    )
                except Refused as refusal:
                    yield Read(place, position, refusal=refusal, external_id=str(key))

    def total(self) -> int:
        changed = self._changed()
        if self.window and changed:
            selection = Selection(self.relation, "id", where=self.told.where)
            return watermarks.count(self.database, selection, self.window, changed)
        where = f" WHERE {self.database.literal(self.told.where)}" if self.told.where else ""
        return int(self.database.value(f"SELECT count(*) FROM {self.relation}{where}"))  # noqa: S608

    def identity(self) -> Mapping[str, Any]:
        where = self.told.where or ""
        return {"database": self.database.address, "relation": self.table, "where": where}

    def reached(self, overlap: timedelta) -> str | None:
        columns = [self._watermark] if self._watermark else []
        return watermarks.reached(self.database, columns, overlap)

    def id_at(self, place: str) -> str | None:
        return place.removeprefix(f"{self.table} ") if place.startswith(f"{self.table} ") else None

    def close(self) -> None:
        self.database.close()

    def _changed(self) -> watermarks.Condition | None:
        if self.window is None or self._watermark is None:
            return None
        return watermarks.since(self.window, self._watermark, self.database.place)

    def _around(self, keys: Sequence[Any]) -> dict[Any, dict[str, list[Any]]]:
        """By user: identities, addresses, names of groups."""
        around: dict[Any, dict[str, list[Any]]] = {}
        for table in self._identities:
            names = IDENTITIES[table]
            for key, rows in self.database.related(table, "user_id", keys, names=names).items():
                pairs = [tuple(row.values()) for row in rows]
                around.setdefault(key, {}).setdefault("identities", []).extend(pairs)
        if self._has_addresses:
            names = ("email", "verified")
            for key, rows in self.database.related(ADDRESSES, "user_id", keys, names=names).items():
                around.setdefault(key, {})["addresses"] = rows
        if self._groups:
            for key, names_of_groups in self._names_of_groups(keys).items():
                around.setdefault(key, {})["groups"] = names_of_groups
        return around

    def _names_of_groups(self, keys: Sequence[Any]) -> dict[Any, list[str]]:
        links = self.database.related(str(self._groups), "user_id", keys, names=("group_id",))
        rows = self.database.rows("SELECT id, name FROM auth_group").rows if links else []
        names = {row[0]: row[1] for row in rows}
        return {key: sorted(names[one["group_id"]] for one in found) for key, found in links.items()}


def _user_from(
    row: Mapping[str, Any], around: Mapping[str, list[Any]], factors: Mapping[str, list[Any]]
) -> LegacyUser:
    email = text_of(row.get("email"), "email") or None
    username = text_of(row.get("username"), "username") or ""
    first, last = (text_of(row.get(name), name) or "" for name in ("first_name", "last_name"))
    is_active = truth_of(row.get("is_active", True), "is_active")
    user = LegacyUser(
        external_id_of(row["__key"]),
        email=email,
        email_verified=any(
            truth_of(one["verified"], "verified") and str(one["email"]).lower() == (email or "").lower()
            for one in around.get("addresses", ())
        ),
        name=f"{first} {last}".strip() or username,
        # An address as a user name is none that anybody would be known by.
        username=None if "@" in username else username or None,
        created_at=moment_of(row.get("date_joined"), "date_joined", UTC),
        disabled=not is_active,
        ban_reason=None if is_active else INACTIVE,
        accounts=tuple(
            LegacyAccount(provider_of(str(provider)), str(subject))
            for provider, subject in around.get("identities", ())
        ),
        groups=tuple(around.get("groups", ())),
        is_staff=truth_of(row.get("is_staff"), "is_staff"),
        is_superuser=truth_of(row.get("is_superuser"), "is_superuser"),
        extra={"first_name": first, "last_name": last, "username": username, **factors},
    )
    _read_password(user, text_of(row["password"], "password") or "")
    return user


def _read_password(user: LegacyUser, stored: str) -> None:
    if not stored:
        user.warnings.append("blank-password")
    elif not stored.startswith(UNUSABLE):
        user.password = LegacyPassword("django", stored)


def _ensure_not_ours(dsn: str, table: str) -> None:
    model = get_user_model()
    if table != model._meta.db_table:
        return
    if dsn == router.db_for_write(model) or (
        dsn in connections.settings
        and (
            connections.settings[dsn].get("NAME") == connections.settings["default"].get("NAME")
            and connections.settings[dsn].get("HOST") == connections.settings["default"].get("HOST")
        )
    ):
        raise SourceFault(
            f"{table} is the table of this project's own users, who need not be brought over: "
            "manage.py adopt_users lets them sign in here"
        )
