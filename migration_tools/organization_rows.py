"""Organizations of the other system into the tables of the app ``organizations``, which need not be there.

An organization is written with the first of its people who is brought, in the transaction that brings them.
Nothing is added to one that no run of the source has made, whatever its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson
from django.apps import apps

from better_auth.models import Session
from better_auth.storage import bulk
from migration_tools.models import BroughtRow
from migration_tools.records import LegacyRow, RowKind

MODELS: Mapping[RowKind, str] = {
    RowKind.ORGANIZATION: "Organization",
    RowKind.ROLE: "OrganizationRole",
    RowKind.TEAM: "Team",
    RowKind.MEMBER: "Member",
    RowKind.INVITATION: "Invitation",
    RowKind.TEAM_MEMBER: "TeamMember",
}
# The user whose row it is.
OWNERS = {RowKind.MEMBER: "user_id", RowKind.INVITATION: "inviter_id", RowKind.TEAM_MEMBER: "user_id"}
# What people change, and a rollback would lose.
COMPARED: Mapping[RowKind, tuple[str, ...]] = {
    RowKind.ORGANIZATION: ("name", "slug", "logo", "metadata"),
    RowKind.ROLE: ("role", "permission"),
    RowKind.TEAM: ("name",),
    RowKind.MEMBER: ("role",),
    RowKind.INVITATION: ("status", "role", "email"),
    RowKind.TEAM_MEMBER: (),
}
# What the tables allow once.
UNIQUE: Mapping[RowKind, tuple[str, ...]] = {
    RowKind.ORGANIZATION: ("slug",),
    RowKind.ROLE: ("organization_id", "role"),
    RowKind.MEMBER: ("organization_id", "user_id"),
    RowKind.TEAM_MEMBER: ("team_id", "user_id"),
}
Mark = tuple[str, str]
Columns = dict[str, Any]


def is_available() -> bool:
    """Whether there is a place for organizations at all."""
    return apps.is_installed("organizations")


def model_of(kind: RowKind) -> Any:
    return apps.get_model("organizations", MODELS[kind])


def mark(kind: RowKind, columns: Mapping[str, Any]) -> str:
    values = orjson.dumps([columns.get(name) for name in COMPARED[kind]])
    return blake2b(values, digest_size=16).hexdigest()


def brought(source: str, rows: Iterable[LegacyRow]) -> set[Mark]:
    """Kind and id of those that a run of the source has made, also where they are gone since."""
    ids = {one.id for one in rows}
    if not ids:
        return set()
    found = BroughtRow.objects.filter(source=source, row_id__in=ids, kind__in=list(RowKind))
    return set(found.values_list("kind", "row_id"))


def bring(source: str, run_id: int, coming: Sequence[tuple[Any, Sequence[LegacyRow]]]) -> None:
    """``coming``: keys of users who are written, with their rows. Those without a place are left out: of an
    organization that is not the source's, that was deleted here, or whose row is here already.

    Raises ``IntegrityError`` where somebody was quicker; nothing of the transaction may be kept then.
    """
    told = {(row.kind, row.id): (key, row) for key, rows in coming for row in rows}
    if not told or not is_available():
        return
    # Asked again: an earlier batch may have been committed since this one was planned.
    known = brought(source, [row for _, row in told.values()])
    places = {row.organization_id for _, row in told.values()}
    here = made_here(source, places)
    fresh = [found for one, found in told.items() if one not in known]
    new = _bring_shared(source, run_id, [row for _, row in fresh])
    for kind, owner in OWNERS.items():
        own = [(key, row) for key, row in fresh if row.kind is kind and row.organization_id in here | new]
        if kind is RowKind.TEAM_MEMBER:
            own = _in_their_teams(own)
        _insert(source, run_id, kind, [(row.id, {**row.columns, owner: key}) for key, row in own])


def made_here(source: str, ids: Iterable[str]) -> set[str]:
    """Of these organizations those that a run of the source has made, and that are here now."""
    if not is_available():
        return set()
    ours = BroughtRow.objects.filter(source=source, kind=RowKind.ORGANIZATION, row_id__in=list(ids))
    return set(ids_here(RowKind.ORGANIZATION, ours.values_list("row_id", flat=True)))


def _bring_shared(source: str, run_id: int, rows: Sequence[LegacyRow]) -> set[str]:
    """The ids of the organizations that are made, with their roles and teams."""
    organizations = [row for row in rows if row.kind is RowKind.ORGANIZATION]
    taken = _slugs(organizations)
    told = [_own_slug(row, taken) for row in organizations]
    new = set(_insert(source, run_id, RowKind.ORGANIZATION, told))
    for kind in (RowKind.ROLE, RowKind.TEAM):
        theirs = [row for row in rows if row.kind is kind and row.organization_id in new]
        _insert(source, run_id, kind, [(row.id, dict(row.columns)) for row in theirs])
    return new


def ensure_members(sessions: Sequence[tuple[Any, str]]) -> None:
    """``sessions``: users' keys and ids of sessions. One that is in an organization or a team that its user
    is no member of, is in none."""
    if not sessions or not is_available():
        return
    rows = Session.objects.filter(pk__in=[one for _, one in sessions], active_organization_id__isnull=False)
    active = list(rows.values_list("pk", "user_id", "active_organization_id", "active_team_id"))
    keys = {key for _, key, _, _ in active}
    members = _pairs(RowKind.MEMBER, "organization_id", keys)
    in_teams = _pairs(RowKind.TEAM_MEMBER, "team_id", keys)
    out = [pk for pk, key, place, _ in active if (place, key) not in members]
    teamless = [pk for pk, key, _, team in active if team and (team, key) not in in_teams]
    Session.objects.filter(pk__in=out).update(active_organization_id=None, active_team_id=None)
    Session.objects.filter(pk__in=teamless).update(active_team_id=None)


def ids_here(kind: RowKind, ids: Iterable[str]) -> list[str]:
    """Those of which there is a row."""
    return list(model_of(kind)._base_manager.filter(pk__in=list(ids)).values_list("pk", flat=True))


def _insert(source: str, run_id: int, kind: RowKind, rows: Sequence[tuple[str, Columns]]) -> list[str]:
    """The ids of those that are written: without what is here already, by its id or by what it is once."""
    if not rows:
        return []
    model, unique = model_of(kind), UNIQUE.get(kind, ())
    taken = set(ids_here(kind, [row_id for row_id, _ in rows]))
    held: set[tuple[Any, ...]] = set()
    if unique:
        narrowed = {f"{name}__in": {columns[name] for _, columns in rows} for name in unique}
        held = set(model._base_manager.filter(**narrowed).values_list(*unique))
    written = []
    for row_id, columns in rows:
        once = tuple(columns[name] for name in unique)
        if row_id in taken or (unique and once in held):
            continue
        held.add(once)
        written.append((row_id, columns))
    bulk.insert(model, [{**columns, "id": row_id} for row_id, columns in written])
    ledger = {"source": source, "kind": str(kind), "run_id": run_id}
    bulk.insert(
        BroughtRow, [{**ledger, "row_id": one, "mark": mark(kind, columns)} for one, columns in written]
    )
    return [row_id for row_id, _ in written]


def _slugs(rows: Sequence[LegacyRow]) -> set[str]:
    """Those that organizations here have."""
    found = model_of(RowKind.ORGANIZATION)._base_manager.filter(
        slug__in=[one.columns["slug"] for one in rows]
    )
    return set(found.values_list("slug", flat=True))


def _own_slug(row: LegacyRow, taken: set[str]) -> tuple[str, Columns]:
    """Where another organization has its slug, its own is told apart by a few characters; always the same."""
    columns = dict(row.columns)
    if columns["slug"] in taken:
        columns["slug"] = f"{columns['slug'][:240]}-{blake2b(row.id.encode(), digest_size=4).hexdigest()}"
    return row.id, columns


def _in_their_teams(own: Sequence[tuple[Any, LegacyRow]]) -> list[tuple[Any, LegacyRow]]:
    """Of teams of their organization, and of members of it."""
    if not own:
        return []
    teams = model_of(RowKind.TEAM)._base_manager.filter(pk__in={row.columns["team_id"] for _, row in own})
    places = dict(teams.values_list("pk", "organization_id"))
    members = _pairs(RowKind.MEMBER, "organization_id", {key for key, _ in own})
    return [
        (key, row)
        for key, row in own
        if places.get(row.columns["team_id"]) == row.organization_id and (row.organization_id, key) in members
    ]


def _pairs(kind: RowKind, column: str, keys: Iterable[Any]) -> set[tuple[str, Any]]:
    rows = model_of(kind)._base_manager.filter(user_id__in=list(keys))
    return set(rows.values_list(column, "user_id"))
