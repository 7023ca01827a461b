"""Organizations themselves, and which of them a session is in. Source: organization.md, section 4."""

from __future__ import annotations

from typing import Any

from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode, Unauthorized
from better_auth.http.endpoint import Access, Call
from better_auth.http.fields import Body, StrictBoolean
from better_auth.http.reply import Reply
from organizations import active, membership, organization, reading, wire
from organizations.endpoints.queries import NumberText, OrganizationQuery
from organizations.errors import Code, Denial
from organizations.fields import Id, Logo, Metadata, Name, PermissionMap, Slug
from organizations.operation import caller, chosen_organization, has_teams, operation


class CreateBody(Body):
    name = Name()
    slug = Slug()
    logo = Logo()
    metadata = Metadata(required=False)
    keepCurrentActiveOrganization = StrictBoolean(required=False)


@operation("POST", "/create", body=CreateBody, aliases=("/organization",))
def create_organization(call: Call) -> Reply:
    user, body = caller(call), call.body
    row, member = organization.create_organization(
        user,
        name=body["name"],
        slug=body["slug"],
        logo=body.get("logo"),
        metadata=body.get("metadata"),
        session=None if body.get("keepCurrentActiveOrganization") else call.session,
        client=call.client,
    )
    return Reply({**wire.changed_organization(row), "members": [wire.member_object(member)]})


class SlugBody(Body):
    slug = Slug()


@operation("POST", "/check-slug", access=Access.SIGNED_IN, body=SlugBody)
def check_organization_slug(call: Call) -> Reply:
    organization.ensure_slug_is_free(call.body["slug"])
    return Reply({"status": True})


class Changes(Body):
    name = Name(required=False)
    slug = Slug(required=False)
    logo = Logo()
    metadata = Metadata(required=False)


class UpdateBody(Body):
    data = Changes()  # type: ignore[assignment]
    organizationId = Id(required=False)


@operation("POST", "/update", body=UpdateBody)
def update_organization(call: Call) -> Reply:
    user = caller(call, Unauthorized(message="User not found"))
    row = organization.update_organization(
        user, chosen_organization(call), dict(call.body["data"]), client=call.client
    )
    return Reply(wire.changed_organization(row))


class OrganizationBody(Body):
    organizationId = Id()


@operation("POST", "/delete", body=OrganizationBody)
def delete_organization(call: Call) -> Reply:
    organization.ensure_deletion_is_on()
    user = caller(call)
    row = organization.delete_organization(
        user, call.session, call.body["organizationId"], client=call.client
    )
    return Reply(wire.organization_object(row))


@operation("GET", "/list", access=Access.SIGNED_IN)
def list_organizations(call: Call) -> Reply:
    return Reply([wire.organization_object(row) for row in reading.list_organizations(call.user)])


@operation("GET", "/get-organization", access=Access.SIGNED_IN, query=OrganizationQuery)
def get_organization(call: Call) -> Reply:
    found = _visit(call)
    return Reply(wire.organization_object(found[0]) if found else None)


class FullQuery(OrganizationQuery):
    membersLimit = NumberText(required=False)


@operation("GET", "/get-full-organization", access=Access.SIGNED_IN, query=FullQuery)
def get_full_organization(call: Call) -> Reply:
    found = _visit(call)
    if found is None:
        return Reply(None)
    default = auth_settings.organization.membership_limit
    full = reading.show_full(*found, members_limit=call.query.get("membersLimit", default))
    shown: dict[str, Any] = {
        **wire.organization_object(full.organization),
        "invitations": [wire.invitation_object(row) for row in full.invitations],
        "members": [wire.member_with_user(row) for row in full.members],
    }
    if has_teams():
        shown["teams"] = [
            {**wire.team_object(row), "memberCount": row.member_count}  # type: ignore[attr-defined]
            for row in full.teams
        ]
    return Reply(shown)


class SetActiveBody(Body):
    organizationId = Id(required=False, null=True)
    organizationSlug = Slug(required=False)


@operation("POST", "/set-active", access=Access.SIGNED_IN, body=SetActiveBody)
def set_active_organization(call: Call) -> Reply:
    """Null sets none. With neither id nor slug the present one is looked at again."""
    body = call.body
    if "organizationId" in body and body["organizationId"] is None:
        if call.session.active_organization_id is None:
            return Reply(None)
        session = active.switch(call.session, call.user, active_organization_id=None)
        return Reply(None, session=call.redelivered(session=session))
    found = reading.visit(
        call.user,
        call.session,
        organization_id=body.get("organizationId"),
        slug=body.get("organizationSlug"),
        hides_unknown=True,
    )
    if found is None:
        return Reply(None)
    session = active.switch(call.session, call.user, active_organization_id=found[0].id)
    return Reply(wire.organization_object(found[0]), session=call.redelivered(session=session))


class PermissionsBody(Body):
    """The older client says ``permission``, which the original takes and never grants."""

    permissions = PermissionMap(required=False)
    permission = PermissionMap(required=False)
    organizationId = Id(required=False)


@operation("POST", "/has-permission", access=Access.SIGNED_IN, body=PermissionsBody)
def has_organization_permission(call: Call) -> Reply:
    given = [name for name in ("permissions", "permission") if name in call.body]
    if len(given) != 1:
        problem = "Invalid input: more than one option matched" if given else "Invalid input"
        raise BadRequest(ErrorCode.VALIDATION_ERROR, f"[body] {problem}")
    organization_id = chosen_organization(call)
    if not organization_id:
        raise BadRequest(Code.NO_ACTIVE_ORGANIZATION)
    member = membership.find_member(organization_id, call.user)
    if member is None:
        raise Denial(401, Code.USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION)
    return Reply({"error": None, "success": membership.may(member, call.body.get("permissions", {}))})


def _visit(call: Call) -> Any:
    return reading.visit(
        call.user,
        call.session,
        organization_id=call.query.get("organizationId"),
        slug=call.query.get("organizationSlug"),
    )
