"""Roles that an organization makes for itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth.models import AuditEntry
from organizations.models import OrganizationRole
from tests.organizations.people import Somebody

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
PROJECT = {"project": ["create"]}


@pytest.fixture(autouse=True)
def _switched_on(configure: Configure) -> None:
    configure(
        ORGANIZATION={
            "DYNAMIC_ROLES": {"ENABLED": True},
            "STATEMENTS": {"project": ["create", "delete"]},
            "ROLES": {"owner": {"project": ["create", "delete"]}},
        }
    )


def make(who: Somebody, role: str = "Editor", permission: Any = PROJECT, **more: Any) -> Any:
    return who.ok("POST", "/create-role", {"role": role, "permission": permission, **more})


def may(who: Somebody, permissions: Any) -> bool:
    return bool(who.ok("POST", "/has-permission", {"permissions": permissions})["success"])


def test_without_them_there_are_no_endpoints(ann: Somebody, acme: Any, configure: Configure) -> None:
    configure(ORGANIZATION={"DYNAMIC_ROLES": {"ENABLED": False}})
    ann.refused(404, None, "GET", "/list-roles")
    ann.refused(404, None, "POST", "/create-role", {"role": "x", "permission": {}})


def test_a_role_is_made_given_changed_and_deleted(ann: Somebody, bob: Somebody, acme: Any) -> None:
    made = make(ann)
    role = made["roleData"]
    assert made["success"] is True
    assert made["statements"]["project"] == ["create", "delete"]
    assert (role["role"], role["permission"], role["updatedAt"]) == ("editor", PROJECT, None)
    assert ann.ok("GET", "/list-roles") == [role]
    assert (
        ann.ok("GET", "/get-role", roleName="editor") == ann.ok("GET", "/get-role", roleId=role["id"]) == role
    )
    ann.admits(bob, "editor")
    assert may(bob, PROJECT)
    assert not may(bob, {"project": ["delete"]})
    changes = {"roleName": "editor", "data": {"permission": {"project": ["delete"]}}}
    changed = ann.ok("POST", "/update-role", changes)
    assert changed["roleData"] == {**role, "permission": {"project": ["delete"]}}
    assert ann.ok("GET", "/get-role", roleName="editor")["updatedAt"] is not None
    assert may(bob, {"project": ["delete"]})
    ann.refused(400, "ROLE_IS_ASSIGNED_TO_MEMBERS", "POST", "/delete-role", {"roleName": "editor"})
    bob.ok("POST", "/leave", {"organizationId": acme["id"]})
    assert ann.ok("POST", "/delete-role", {"roleName": "editor"}) == {"success": True}
    assert not OrganizationRole.objects.exists()


def test_one_named_as_a_default_can_not_be_made(ann: Somebody, acme: Any) -> None:
    for name in ("owner", "Admin", "member"):
        body = {"role": name, "permission": {}}
        ann.refused(400, "ROLE_NAME_IS_ALREADY_TAKEN", "POST", "/create-role", body)
    ann.refused(400, "CANNOT_DELETE_A_PRE_DEFINED_ROLE", "POST", "/delete-role", {"roleName": "admin"})


def test_names_are_given_once(ann: Somebody, eve: Somebody, acme: Any) -> None:
    make(ann)
    taken = {"role": "EDITOR", "permission": {}}
    ann.refused(400, "ROLE_NAME_IS_ALREADY_TAKEN", "POST", "/create-role", taken)
    renamed = {"roleName": "editor", "data": {"roleName": "Editor"}}
    ann.refused(400, "ROLE_NAME_IS_ALREADY_TAKEN", "POST", "/update-role", renamed)
    eve.founds()
    make(eve)


def test_nobody_grants_what_they_do_not_hold(ann: Somebody, bob: Somebody, acme: Any) -> None:
    ann.admits(bob, "admin")
    body = {"role": "boss", "permission": {"organization": ["update", "delete"], "team": ["create"]}}
    told = bob.refused(403, "YOU_ARE_NOT_ALLOWED_TO_CREATE_A_ROLE", "POST", "/create-role", body)
    assert told["missingPermissions"] == ["organization:delete"]
    zap = {"role": "boss", "permission": {"project": ["zap"]}}
    told = ann.refused(403, "YOU_ARE_NOT_ALLOWED_TO_CREATE_A_ROLE", "POST", "/create-role", zap)
    assert told["missingPermissions"] == ["project:zap"]
    ships = {"role": "boss", "permission": {"ships": ["sail"]}}
    ann.refused(400, "INVALID_RESOURCE", "POST", "/create-role", ships)
    make(bob, permission={"team": ["create"]})
    widened = {"roleName": "editor", "data": {"permission": {"organization": ["delete"]}}}
    bob.refused(403, "YOU_ARE_NOT_ALLOWED_TO_UPDATE_A_ROLE", "POST", "/update-role", widened)


def test_members_may_look_and_outsiders_not(ann: Somebody, bob: Somebody, eve: Somebody, acme: Any) -> None:
    make(ann)
    ann.admits(bob)
    assert len(bob.ok("GET", "/list-roles")) == 1
    make_one = {"role": "x", "permission": {}}
    bob.refused(403, "YOU_ARE_NOT_ALLOWED_TO_CREATE_A_ROLE", "POST", "/create-role", make_one)
    bob.refused(403, "YOU_ARE_NOT_ALLOWED_TO_DELETE_A_ROLE", "POST", "/delete-role", {"roleName": "editor"})
    code = "YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION"
    eve.refused(403, code, "GET", "/list-roles", organizationId=acme["id"])
    eve.refused(403, code, "POST", "/create-role", {**make_one, "organizationId": acme["id"]})
    eve.refused(400, "YOU_MUST_BE_IN_AN_ORGANIZATION_TO_CREATE_A_ROLE", "POST", "/create-role", make_one)
    eve.refused(400, "NO_ACTIVE_ORGANIZATION", "GET", "/list-roles")
    denials = AuditEntry.objects.filter(event_type="organization_access_denied", subject_id=eve.user["id"])
    assert denials.count() == 2


def test_another_organizations_role_is_not_found(ann: Somebody, eve: Somebody, acme: Any) -> None:
    role = make(ann)["roleData"]
    eve.founds()
    eve.refused(400, "ROLE_NOT_FOUND", "GET", "/get-role", roleId=role["id"])
    eve.refused(400, "ROLE_NOT_FOUND", "POST", "/delete-role", {"roleId": role["id"]})
    invite = {"email": "guest@example.com", "role": "editor"}
    eve.refused(400, None, "POST", "/invite-member", invite)


def test_there_are_so_many(ann: Somebody, acme: Any, configure: Configure) -> None:
    configure(ORGANIZATION={"DYNAMIC_ROLES": {"LIMIT": 1}})
    make(ann)
    ann.refused(400, "TOO_MANY_ROLES", "POST", "/create-role", {"role": "x", "permission": {}})


@pytest.mark.parametrize(
    "body",
    [
        {"role": "a,b", "permission": {}},
        {"role": "", "permission": {}},
        {"role": "x" * 1_000_000, "permission": {}},
        {"role": "x", "permission": {"project": "create"}},
        {"role": "x", "permission": [1]},
        {"role": "x"},
    ],
)
def test_bad_input(ann: Somebody, acme: Any, body: Any) -> None:
    ann.refused(400, "VALIDATION_ERROR", "POST", "/create-role", body)


def test_one_has_to_be_named(ann: Somebody, acme: Any) -> None:
    told = ann.refused(400, "VALIDATION_ERROR", "GET", "/get-role")
    assert told["message"] == "[query] Invalid input"
