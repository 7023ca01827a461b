"""What is here already of the records of a batch: a few queries, whatever the batch's size. Reads only."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connections, router

from better_auth import adoption
from better_auth.models import CREDENTIAL, Account, UserProfile
from better_auth.storage import host_users
from better_auth.storage.records import carrier_model, has_user_row
from migration_tools import api_key_rows
from migration_tools.checking import Checked, folded_form
from migration_tools.fingerprints import FIELDS
from migration_tools.models import MigrationRecord
from migration_tools.organization_rows import brought
from migration_tools.policy import Policy, UnusablePolicy

OF_AN_ENTRY = ("content_hash", "written", "password_digest", "updated_at")
# Each database has its own idea of how to write a character in a regular expression.
NOT_ASCII = "[^ -~]"


@dataclass(frozen=True, slots=True)
class Person:
    """A user who is here. ``email_verified``, and the columns that a run may compare or overwrite."""

    key: Any
    id: str
    email: str
    email_verified: bool
    password: str | None = field(repr=False)
    columns: dict[str, Any]
    identities: frozenset[tuple[str, str]]
    has_credential: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal has of a record. ``updated_at``: sessions that began there by then were brought."""

    row: int
    run: int
    state: str
    user_key: Any
    content_hash: str
    written: str
    password_digest: str
    updated_at: datetime


@dataclass(slots=True)
class Known:
    """The state of the target for one batch. ``by_email`` gives keys; a host's user without a profile is
    None. ``unicode_forms``: what addresses that are not ASCII are the same as to a person's eye."""

    entries: dict[str, Entry] = field(default_factory=dict)
    by_email: dict[str, Any] = field(default_factory=dict)
    usernames: dict[str, Any] = field(default_factory=dict)
    phones: dict[str, Any] = field(default_factory=dict)
    identities: dict[tuple[str, str], Any] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    people: dict[Any, Person] = field(default_factory=dict)
    claimed: set[Any] = field(default_factory=set)
    unicode_forms: Container[str] = ()
    brought_rows: Container[tuple[str, str]] = ()
    brought_keys: Container[str] = ()
    key_owners: Mapping[str, str | None] = field(default_factory=dict)


class Target:
    """Asks this project's database about the records of one source.

    ``has_entries``: whether the journal may know any of them from before; ``asks_for_ids``: whether somebody
    here may have a legacy id as theirs, or whether the unique index will say so. For one record alone
    (``is_for_one``) a look costs no more than to ask whether there is anything to be seen.
    """

    def __init__(self, source: str, *, asks_for_ids: bool = True, is_for_one: bool = False) -> None:
        self.source = source
        self._carrier: Any = carrier_model()
        self._id = "id" if has_user_row() else "public_id"
        # Where every user of the host's has a profile, nobody's address is in the host's table alone.
        self.asks_for_ids = asks_for_ids
        self.has_entries = is_for_one or MigrationRecord.objects.filter(source=source).exists()
        self._has_strangers = not has_user_row() and (is_for_one or adoption.waiting().exists())
        # One who signs in has typed an address in ASCII; a look at all of them would cost a second.
        self._unicode_forms = frozenset() if is_for_one else self._forms_that_are_here()

    def _forms_that_are_here(self) -> frozenset[str]:
        """Few: nobody signs up with one. What this run brings of them, the look for duplicates compares."""
        addresses = self._carrier._default_manager.filter(email__regex=NOT_ASCII)
        return frozenset(folded_form(one) for one in addresses.values_list("email", flat=True))

    def know(self, batch: Sequence[Checked]) -> Known:
        entries = self._entries(batch) if self.has_entries else {}
        known = Known(entries=entries, unicode_forms=self._unicode_forms)
        known.brought_rows = brought(
            self.source, [row for one in batch for row in one.user.organization_rows]
        )
        api_keys = [key for one in batch for key in one.user.api_keys]
        known.brought_keys = api_key_rows.brought(self.source, api_keys)
        known.key_owners = api_key_rows.owners_of(api_keys)
        emails = {one.email for one in batch} | {one.folded for one in batch}
        if self._has_strangers:
            known.by_email = self._strangers(emails)
        self._look_up(
            known,
            {
                self._id: [one.external_id for one in batch] if self.asks_for_ids else [],
                "email": list(emails),
                "username": _values(batch, "username"),
                "phone_number": _values(batch, "phone_number"),
            },
        )
        known.identities = _identities(batch)
        wanted = {key for key in known.by_email.values() if key is not None}
        wanted |= {entry.user_key for entry in known.entries.values() if entry.user_key is not None}
        known.people = self._people(wanted) if wanted else {}
        known.claimed = self._claimed(wanted) if wanted else set()
        return known

    def _entries(self, batch: Sequence[Checked]) -> dict[str, Entry]:
        rows = MigrationRecord.objects.filter(
            source=self.source, legacy_id__in=[one.external_id for one in batch]
        ).values_list("legacy_id", "pk", "run_id", "state", "user_id", *OF_AN_ENTRY)
        return {str(row[0]): Entry(*row[1:]) for row in rows}

    def _look_up(self, known: Known, wanted: dict[str, list[str]]) -> None:
        """Everybody who has one of these ids, addresses, user names or numbers, in one query."""
        asked = {column: values for column, values in wanted.items() if values}
        if not asked:
            return
        connection, meta = connections[router.db_for_write(self._carrier)], self._carrier._meta
        names = {column: connection.ops.quote_name(meta.get_field(column).column) for column in wanted}
        primary_key = connection.ops.quote_name(meta.pk.column)
        # One parameter for each column: writing out and reading a thousand costs more than the look-up.
        is_postgresql = connection.vendor == "postgresql"
        holds = "{} = ANY(%s)" if is_postgresql else "{} IN (SELECT value FROM json_each(%s))"
        sql = (
            f"SELECT {primary_key}, {', '.join(names.values())} "  # noqa: S608
            f"FROM {connection.ops.quote_name(meta.db_table)} "
            f"WHERE {' OR '.join(holds.format(names[column]) for column in asked)}"
        )
        values = (
            list(asked.values()) if is_postgresql else [orjson.dumps(one).decode() for one in asked.values()]
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            rows = cursor.fetchall()
        for raw_key, public_id, email, username, phone in rows:
            key = meta.pk.to_python(raw_key)
            known.ids.add(public_id)
            known.by_email[email] = key
            if username is not None:
                known.usernames[username] = key
            if phone is not None:
                known.phones[phone] = key

    def _strangers(self, emails: set[str]) -> dict[str, Any]:
        return dict.fromkeys(host_users.held_addresses(emails))

    def _claimed(self, keys: set[Any]) -> set[Any]:
        """Users to whom another record of this source belongs."""
        rows = MigrationRecord.objects.filter(source=self.source, user_id__in=keys, state="migrated")
        return set(rows.values_list("user_id", flat=True))

    def _people(self, keys: set[Any]) -> dict[Any, Person]:
        return {person.key: person for person in people(keys)}


def people(keys: Iterable[Any]) -> list[Person]:
    """The users with these keys, as they are now."""
    chosen = list(keys)
    carrier: Any = carrier_model()
    user = "" if has_user_row() else "user__"
    columns = ("pk", "id" if has_user_row() else "public_id", "email_verified", f"{user}password", *FIELDS)
    rows = carrier._default_manager.filter(pk__in=chosen).values_list(*columns)
    accounts: dict[Any, list[tuple[str, str, str | None]]] = {}
    found = Account.objects.filter(user_id__in=chosen)
    for key, provider, subject, password in found.values_list(
        "user_id", "provider_id", "account_id", "password"
    ):
        accounts.setdefault(key, []).append((provider, subject, password))
    return [_person(row, accounts.get(row[0], [])) for row in rows]


def _person(row: Sequence[Any], accounts: Sequence[tuple[str, str, str | None]]) -> Person:
    key, public_id, email_verified, password, *values = row
    columns = dict(zip(FIELDS, values, strict=True))
    long_hash = next((stored for provider, _, stored in accounts if provider == CREDENTIAL and stored), None)
    is_usable = bool(password) and not password.startswith("!")
    return Person(
        key=key,
        id=public_id,
        email=columns["email"] or "",
        email_verified=email_verified,
        password=password if is_usable else long_hash,
        columns=columns,
        identities=frozenset(
            (provider, subject) for provider, subject, _ in accounts if provider != CREDENTIAL
        ),
        has_credential=any(provider == CREDENTIAL for provider, _, _ in accounts),
    )


def _values(batch: Sequence[Checked], name: str) -> list[str]:
    return [one.columns[name] for one in batch if name in one.columns]


def _identities(batch: Sequence[Checked]) -> dict[tuple[str, str], Any]:
    """Who has them; asked for provider by provider, as the index is made."""
    wanted: dict[str, list[str]] = {}
    for one in batch:
        for account in one.accounts:
            wanted.setdefault(account.provider, []).append(account.subject)
    found: dict[tuple[str, str], Any] = {}
    for provider, subjects in wanted.items():
        rows = Account.objects.filter(provider_id=provider, account_id__in=subjects)
        found |= {(provider, subject): key for subject, key in rows.values_list("account_id", "user_id")}
    return found


def ensure_possible(policy: Policy) -> None:
    """Raises ``UnusablePolicy`` where the target lacks what the policy brings people into.

    Groups are not made here: their names promise permissions that somebody has to give them.
    """
    if not policy.group_names:
        return
    if not hasattr(get_user_model(), "groups"):
        raise UnusablePolicy("group_names: the user model has no groups")
    there = set(Group.objects.filter(name__in=policy.group_names.values()).values_list("name", flat=True))
    for name in sorted(set(policy.group_names.values()) - there):
        raise UnusablePolicy(
            f"group_names: there is no group {name!r} here: make it first, with its permissions"
        )


def analyze_tables() -> None:
    """Tell PostgreSQL how large the tables have become, before it would look for itself."""
    connection = connections[router.db_for_write(MigrationRecord)]
    if connection.vendor == "postgresql":
        tables = {
            model._meta.db_table for model in (get_user_model(), carrier_model(), Account, MigrationRecord)
        }
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(map(connection.ops.quote_name, sorted(tables)))}")


def count_users() -> dict[str, int]:
    """How many there are, for the statistics before and after."""
    counts = {"users": get_user_model()._default_manager.count(), "accounts": Account.objects.count()}
    return counts if has_user_row() else counts | {"profiles": UserProfile.objects.count()}
