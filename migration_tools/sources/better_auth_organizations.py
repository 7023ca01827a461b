"""The organizations of a Better Auth server: what of them comes with each user.

An organization, with its teams and the roles it made for itself, comes with whoever is a member of it or has
invited somebody to it; invitations come with the inviter.

Source: organization.md, section 10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

import orjson

from better_auth import clock
from migration_tools.records import LegacyRow, Refused, RowKind
from migration_tools.sources.databases import Database
from migration_tools.values import moment_of, text_of

UNREADABLE = "organization-row-unreadable"
LONGEST_ID, LONGEST_SLUG, LONGEST_ROLE, LONGEST_EMAIL = 255, 255, 255, 320
LARGEST_JSON = 65_536
STATUSES = frozenset({"pending", "accepted", "rejected", "canceled"})
# By table: what must be there, and what may.
WANTED: Mapping[str, tuple[str, ...]] = {
    "organization": ("id", "name", "slug", "createdAt"),
    "member": ("id", "organizationId", "userId", "role", "createdAt"),
    "invitation": ("id", "organizationId", "email", "status", "expiresAt", "inviterId"),
    "team": ("id", "name", "organizationId", "createdAt"),
    "teamMember": ("id", "teamId", "userId"),
    "organizationRole": ("id", "organizationId", "role", "permission", "createdAt"),
}
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "organization": ("logo", "metadata"),
    "member": (),
    "invitation": ("role", "teamId", "createdAt"),
    "team": ("updatedAt",),
    "teamMember": ("createdAt",),
    "organizationRole": ("updatedAt",),
}
Row = Mapping[str, Any]


class OrganizationTables:
    """``table_of``: what a table is called there, or None where it is not; ``names_of``: the same of its
    columns. A server without the plugin has neither organizations nor members."""

    def __init__(
        self,
        database: Database,
        table_of: Callable[[str], str | None],
        names_of: Callable[[str, Sequence[str]], dict[str, str]],
    ) -> None:
        self._database = database
        there = {table: name for table in WANTED if (name := table_of(table)) is not None}
        self._tables = there if {"organization", "member"} <= there.keys() else {}
        self._names = {table: names_of(table, WANTED[table]) for table in self._tables}

    def rows_of(self, keys: Sequence[Any]) -> dict[Any, tuple[tuple[LegacyRow, ...], bool]]:
        """By the user's key: their rows, with those of the organizations that they are in, and whether some
        could not be read."""
        if not self._tables:
            return {}
        members = self._by("member", "userId", keys)
        invitations = self._by("invitation", "inviterId", keys)
        in_teams = self._by("teamMember", "userId", keys)
        ids = {one["organizationId"] for found in (members, invitations) for one in _flat(found)}
        organizations = self._organizations(list(ids))
        teams = {
            text: one.organization_id for rows, _ in organizations.values() for text, one in _teams(rows)
        }
        found = {}
        for key in {*members, *invitations}:
            own = [
                *(_made(_member, one) for one in members.get(key, ())),
                *(_made(_invitation, one) for one in invitations.get(key, ())),
                *(_made(_team_member, one, teams) for one in in_teams.get(key, ())),
            ]
            places = {one["organizationId"] for one in (*members.get(key, ()), *invitations.get(key, ()))}
            shared = [organizations[place] for place in places if place in organizations]
            rows = (*(row for rows, _ in shared for row in rows), *(row for row in own if row is not None))
            is_incomplete = None in own or any(is_incomplete for _, is_incomplete in shared)
            found[key] = (rows, is_incomplete)
        return found

    def _organizations(self, ids: Sequence[Any]) -> dict[Any, tuple[list[LegacyRow], bool]]:
        teams, roles = (self._by(table, "organizationId", ids) for table in ("team", "organizationRole"))
        found = {}
        for key, rows_there in self._by("organization", "id", ids).items():
            made = [
                _made(_organization, rows_there[0]),
                *(_made(_team, one) for one in teams.get(key, ())),
                *(_made(_role, one) for one in roles.get(key, ())),
            ]
            rows = [one for one in made if one is not None]
            found[key] = (rows if made[0] is not None else [], None in made)
        return found

    def _by(self, table: str, column: str, keys: Sequence[Any]) -> dict[Any, list[Row]]:
        if table not in self._tables or not keys:
            return {}
        names = self._names[table]
        others = list(dict.fromkeys(names.values()))
        found = self._database.related(self._tables[table], names[column], keys, names=others)
        return {
            key: [{name: row[one] for name, one in names.items()} for row in rows]
            for key, rows in found.items()
        }


def _flat(found: Mapping[Any, Sequence[Row]]) -> Iterator[Row]:
    return (row for rows in found.values() for row in rows)


def _teams(rows: Sequence[LegacyRow]) -> Iterator[tuple[str, LegacyRow]]:
    return ((one.id, one) for one in rows if one.kind is RowKind.TEAM)


def _made(make: Callable[..., LegacyRow], *told: Any) -> LegacyRow | None:
    """None for a row that holds what can't be stored: the user comes all the same."""
    try:
        return make(*told)
    except Refused:
        return None


def _organization(row: Row) -> LegacyRow:
    key = _id(row, "id")
    columns = {
        "name": _text(row, "name"),
        "slug": _text(row, "slug", LONGEST_SLUG),
        "logo": text_of(row.get("logo"), "logo"),
        "metadata": _object(row.get("metadata"), "metadata"),
        "created_at": _moment(row, "createdAt"),
    }
    return LegacyRow(RowKind.ORGANIZATION, key, key, columns)


def _team(row: Row) -> LegacyRow:
    place = _id(row, "organizationId")
    updated_at = moment_of(row.get("updatedAt"), "updatedAt", UTC)
    columns = {"name": _text(row, "name"), "created_at": _moment(row, "createdAt"), "updated_at": updated_at}
    return LegacyRow(RowKind.TEAM, _id(row, "id"), place, {**columns, "organization_id": place})


def _role(row: Row) -> LegacyRow:
    place, permission = _id(row, "organizationId"), _object(row["permission"], "permission")
    granted = orjson.loads(permission or "{}")
    if not granted or not all(_is_texts(actions) for actions in granted.values()):
        raise Refused("invalid-value", "permission")
    columns = {
        "organization_id": place,
        "role": _text(row, "role", LONGEST_ROLE),
        "permission": permission,
        "created_at": _moment(row, "createdAt"),
        "updated_at": moment_of(row.get("updatedAt"), "updatedAt", UTC),
    }
    return LegacyRow(RowKind.ROLE, _id(row, "id"), place, columns)


def _member(row: Row) -> LegacyRow:
    place, role = _id(row, "organizationId"), text_of(row["role"], "role") or "member"
    columns = {"organization_id": place, "role": role, "created_at": _moment(row, "createdAt")}
    return LegacyRow(RowKind.MEMBER, _id(row, "id"), place, columns)


def _invitation(row: Row) -> LegacyRow:
    place, status = _id(row, "organizationId"), _text(row, "status")
    expires_at = moment_of(row["expiresAt"], "expiresAt", UTC)
    if status not in STATUSES or expires_at is None:
        raise Refused("invalid-value", "status or expiresAt")
    columns = {
        "organization_id": place,
        "email": _text(row, "email", LONGEST_EMAIL).lower(),
        "role": text_of(row.get("role"), "role"),
        "team_ids": text_of(row.get("teamId"), "teamId") or None,
        "status": status,
        "expires_at": expires_at,
        "created_at": _moment(row, "createdAt"),
    }
    return LegacyRow(RowKind.INVITATION, _id(row, "id"), place, columns)


def _team_member(row: Row, teams: Mapping[str, str]) -> LegacyRow:
    """``teams``: the organization of each; one that is in none of them is somebody else's."""
    team = _id(row, "teamId")
    columns = {"team_id": team, "created_at": moment_of(row.get("createdAt"), "createdAt", UTC)}
    if team not in teams:
        raise Refused("invalid-value", "teamId")
    return LegacyRow(RowKind.TEAM_MEMBER, _id(row, "id"), teams[team], columns)


def _id(row: Row, name: str) -> str:
    return _text(row, name, LONGEST_ID)


def _text(row: Row, name: str, limit: int | None = None) -> str:
    text = text_of(row[name], name)
    if not text or (limit is not None and len(text) > limit):
        raise Refused("invalid-value", name)
    return text


def _moment(row: Row, name: str) -> Any:
    return moment_of(row.get(name), name, UTC) or clock.now()


def _object(value: Any, name: str) -> str | None:
    """JSON text of an object, or None for nothing; PostgreSQL may have it as a type of its own."""
    if value is None or value == "":
        return None
    text = orjson.dumps(value).decode() if isinstance(value, dict) else text_of(value, name)
    try:
        found = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        found = None
    if text in (None, "null"):
        return None
    if not isinstance(found, dict) or len(text or "") > LARGEST_JSON:
        raise Refused("invalid-value", name)
    return text


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
