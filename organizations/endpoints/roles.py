"""Roles that organizations make; absent where they can't. Source: organization.md, section 8."""

from __future__ import annotations

from typing import Any

from better_auth.errors import BadRequest, ErrorCode
from better_auth.http.endpoint import Access, Call
from better_auth.http.fields import Body, StrictObject
from better_auth.http.reply import Reply
from organizations import access_control, dynamic_roles, wire
from organizations.dynamic_roles import Named
from organizations.fields import Id, PermissionMap, RoleName
from organizations.operation import chosen_organization, has_dynamic_roles, operation

DEMANDS: dict[str, Any] = {"access": Access.SIGNED_IN, "is_offered": has_dynamic_roles}


class CreateRoleBody(Body):
    role = RoleName()
    permission = PermissionMap()
    organizationId = Id(required=False)
    additionalFields = StrictObject(required=False)


@operation("POST", "/create-role", body=CreateRoleBody, **DEMANDS)
def create_organization_role(call: Call) -> Reply:
    row = dynamic_roles.create_role(
        call.user,
        chosen_organization(call),
        name=call.body["role"],
        permission=call.body["permission"],
        client=call.client,
    )
    statements = {name: sorted(actions) for name, actions in access_control.statements().items()}
    return Reply({"success": True, "roleData": wire.role_object(row), "statements": statements})


class RolesQuery(Body):
    organizationId = Id(required=False)


@operation("GET", "/list-roles", query=RolesQuery, **DEMANDS)
def list_organization_roles(call: Call) -> Reply:
    rows = dynamic_roles.list_roles(call.user, chosen_organization(call))
    return Reply([wire.role_object(row) for row in rows])


class OneRoleQuery(Body):
    roleName = RoleName(required=False)
    roleId = RoleName(required=False)
    organizationId = Id(required=False)


@operation("GET", "/get-role", query=OneRoleQuery, **DEMANDS)
def get_organization_role(call: Call) -> Reply:
    named = _named(call.query, "query")
    return Reply(wire.role_object(dynamic_roles.get_role(call.user, chosen_organization(call), named)))


class RoleChanges(Body):
    permission = PermissionMap(required=False)
    roleName = RoleName(required=False)


class UpdateRoleBody(OneRoleQuery):
    data = RoleChanges()  # type: ignore[assignment]


@operation("POST", "/update-role", body=UpdateRoleBody, **DEMANDS)
def update_organization_role(call: Call) -> Reply:
    data = call.body["data"]
    row = dynamic_roles.update_role(
        call.user,
        chosen_organization(call),
        _named(call.body, "body"),
        name=data.get("roleName"),
        permission=data.get("permission"),
        client=call.client,
    )
    return Reply({"success": True, "roleData": wire.role_object(row)})


@operation("POST", "/delete-role", body=OneRoleQuery, **DEMANDS)
def delete_organization_role(call: Call) -> Reply:
    named = _named(call.body, "body")
    dynamic_roles.delete_role(call.user, chosen_organization(call), named, client=call.client)
    return Reply({"success": True})


def _named(given: dict[str, Any], place: str) -> Named:
    if not (given.get("roleName") or given.get("roleId")):
        raise BadRequest(ErrorCode.VALIDATION_ERROR, f"[{place}] Invalid input")
    return Named(given.get("roleName"), given.get("roleId"))
