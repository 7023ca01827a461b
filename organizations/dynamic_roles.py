"""Roles that an organization makes for itself. Source: organization.md, section 8.

Nobody grants what they do not hold: every action of a new role must be one that the caller has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.crypto import wire_json
from better_auth.errors import BadRequest
from better_auth.events import Client, publish
from better_auth.storage.records import UserRecord
from organizations import access_control, current, membership, teams
from organizations.access_control import Permissions
from organizations.errors import Code, Denial, MissingPermissions
from organizations.events import RoleCreated, RoleDeleted, RoleUpdated
from organizations.models import Member, OrganizationRole


@dataclass(frozen=True, slots=True)
class Named:
    """A role by its name, which wins, or by its id."""

    name: str | None = None
    id: str | None = None


def create_role(
    user: UserRecord, organization_id: str | None, *, name: str, permission: Permissions, client: Client
) -> OrganizationRole:
    """Names are kept in lower case."""
    if not organization_id:
        raise BadRequest(Code.YOU_MUST_BE_IN_AN_ORGANIZATION_TO_CREATE_A_ROLE)
    name = name.lower()
    _ensure_not_predefined(name)
    code = Code.YOU_ARE_NOT_ALLOWED_TO_CREATE_A_ROLE
    with _locked(user, organization_id, "create", code) as member:
        limit = auth_settings.organization.dynamic_roles.limit
        rows = OrganizationRole.objects.filter(organization_id=organization_id)
        if limit is not None and rows.count() >= limit:
            raise BadRequest(Code.TOO_MANY_ROLES)
        _ensure_may_grant(member, permission, code)
        if rows.filter(role=name).exists():
            raise BadRequest(Code.ROLE_NAME_IS_ALREADY_TAKEN)
        row = OrganizationRole.objects.create(
            organization_id=organization_id, role=name, permission=wire_json.dumps(dict(permission))
        )
        _announce(RoleCreated, row, user, client)
    return row


def list_roles(user: UserRecord, organization_id: str | None) -> list[OrganizationRole]:
    """Those that the organization made; the predefined ones are everybody's."""
    member = _require(user, organization_id, "read", Code.YOU_ARE_NOT_ALLOWED_TO_LIST_A_ROLE)
    rows = OrganizationRole.objects.filter(organization_id=member.organization_id)
    return list(rows.order_by("created_at", "id"))


def get_role(user: UserRecord, organization_id: str | None, named: Named) -> OrganizationRole:
    member = _require(user, organization_id, "read", Code.YOU_ARE_NOT_ALLOWED_TO_READ_A_ROLE)
    return _find(member.organization_id, named)


def update_role(
    user: UserRecord,
    organization_id: str | None,
    named: Named,
    *,
    name: str | None,
    permission: Permissions | None,
    client: Client,
) -> OrganizationRole:
    """Members who hold a role that is renamed keep the former name, as the original has it.

    The answer has the former ``updated_at``.
    """
    code = Code.YOU_ARE_NOT_ALLOWED_TO_UPDATE_A_ROLE
    with _locked(user, organization_id, "update", code) as member:
        row = _find(member.organization_id, named)
        if permission is not None:
            _ensure_may_grant(member, permission, code)
            row.permission = wire_json.dumps(dict(permission))
        if name is not None:
            row.role = name.lower()
            _ensure_not_predefined(row.role)
            if OrganizationRole.objects.filter(organization_id=row.organization_id, role=row.role).exists():
                raise BadRequest(Code.ROLE_NAME_IS_ALREADY_TAKEN)
        columns = {"role": row.role, "permission": row.permission, "updated_at": clock.now()}
        OrganizationRole.objects.filter(pk=row.pk).update(**columns)
        _announce(RoleUpdated, row, user, client)
    return row


def delete_role(user: UserRecord, organization_id: str | None, named: Named, *, client: Client) -> None:
    """Not one that a member holds."""
    code = Code.YOU_ARE_NOT_ALLOWED_TO_DELETE_A_ROLE
    with _locked(user, organization_id, "delete", code) as member:
        if named.name in access_control.predefined_names():
            raise BadRequest(Code.CANNOT_DELETE_A_PRE_DEFINED_ROLE)
        row = _find(member.organization_id, named)
        holders = Member.objects.filter(organization_id=row.organization_id, role__contains=row.role)
        if any(row.role in access_control.split_roles(one.role) for one in holders):
            raise BadRequest(Code.ROLE_IS_ASSIGNED_TO_MEMBERS)
        _announce(RoleDeleted, row, user, client)
        OrganizationRole.objects.filter(pk=row.pk).delete()


@contextmanager
def _locked(user: UserRecord, organization_id: str | None, action: str, refusal: Code) -> Iterator[Member]:
    """The caller's membership, under the organization's lock."""
    organization_id = teams.require_organization(organization_id)
    with membership.locked(organization_id, lambda: _require(user, organization_id, action, refusal)) as (
        _,
        member,
    ):
        yield member


def _require(user: UserRecord, organization_id: str | None, action: str, refusal: Code) -> Member:
    member = membership.find_member(teams.require_organization(organization_id), user)
    if member is None:
        raise Denial(403, Code.YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION)
    if not membership.may(member, {"ac": [action]}):
        raise Denial(403, refusal)
    return member


def _ensure_not_predefined(name: str) -> None:
    if name in access_control.predefined_names():
        raise BadRequest(Code.ROLE_NAME_IS_ALREADY_TAKEN)


def _ensure_may_grant(member: Member, permission: Permissions, refusal: Code) -> None:
    known = access_control.statements()
    if any(resource not in known for resource in permission):
        raise BadRequest(Code.INVALID_RESOURCE)
    held = membership.roles_of(member)
    missing = [
        f"{resource}:{action}"
        for resource, actions in permission.items()
        for action in actions
        if action not in known[resource] or not any(action in one.get(resource, ()) for one in held)
    ]
    if missing:
        raise MissingPermissions(refusal, missing)


def _find(organization_id: str, named: Named) -> OrganizationRole:
    rows = OrganizationRole.objects.filter(organization_id=organization_id)
    row = (rows.filter(role=named.name) if named.name else rows.filter(pk=named.id)).first()
    if row is None:
        raise BadRequest(Code.ROLE_NOT_FOUND)
    return row


def _announce(kind: Any, row: OrganizationRole, actor: UserRecord, client: Client) -> None:
    current.forget_organization(row.organization_id)
    details = {"organization": row.organization_id, "role": row.role}
    details |= {"permission": json.loads(row.permission)}
    publish(kind(client=client, actor_id=actor.id, details=details))
