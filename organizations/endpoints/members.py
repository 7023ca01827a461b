"""Members and their roles. Source: organization.md, section 5."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from better_auth.conf import auth_settings
from better_auth.errors import BadRequest
from better_auth.http.endpoint import Access, Call
from better_auth.http.fields import Body, StrictChoice, StrictField, StrictText
from better_auth.http.reply import Reply
from organizations import listing, membership, wire
from organizations import members as rules
from organizations.access_control import split_roles
from organizations.endpoints.queries import NumberText, OrganizationQuery
from organizations.errors import Code
from organizations.fields import Id, TextOrTexts
from organizations.listing import OPERATORS, Page
from organizations.operation import chosen_organization, operation


class FilterValue(StrictField):
    """A text, or several where the query repeats it."""

    types = (str, list)

    def to_internal_value(self, value: Any) -> str | list[str]:
        given: str | list[str] = super().to_internal_value(value)
        if any("\x00" in text for text in ([given] if isinstance(given, str) else given)):
            raise serializers.ValidationError("Invalid input: control characters are not allowed")
        return given


class MembersQuery(OrganizationQuery):
    limit = NumberText(required=False)
    offset = NumberText(required=False)
    sortBy = StrictText(required=False)
    sortDirection = StrictChoice("asc", "desc")
    filterField = StrictText(required=False)
    filterValue = FilterValue(required=False)
    filterOperator = StrictChoice(*OPERATORS)


@operation("GET", "/list-members", access=Access.SIGNED_IN, query=MembersQuery)
def list_organization_members(call: Call) -> Reply:
    query = call.query
    page = Page(
        limit=query.get("limit", auth_settings.organization.membership_limit),
        offset=query.get("offset", 0),
        sort_by=query.get("sortBy"),
        descending=query.get("sortDirection") == "desc",
        filter_field=query.get("filterField"),
        filter_value=query.get("filterValue"),
        filter_operator=query.get("filterOperator", "eq"),
    )
    found, total = listing.list_members(
        call.user, organization_id=chosen_organization(call), slug=query.get("organizationSlug"), page=page
    )
    return Reply({"members": [wire.member_with_user(row) for row in found], "total": total})


@operation("GET", "/get-active-member", access=Access.SIGNED_IN)
def get_active_member(call: Call) -> Reply:
    organization_id = call.session.active_organization_id
    if not organization_id:
        raise BadRequest(Code.NO_ACTIVE_ORGANIZATION)
    member = membership.find_member(organization_id, call.user)
    if member is None:
        raise BadRequest(Code.MEMBER_NOT_FOUND)
    return Reply(wire.member_with_user(member))


class RoleQuery(OrganizationQuery):
    userId = Id(required=False)


@operation("GET", "/get-active-member-role", access=Access.SIGNED_IN, query=RoleQuery)
def get_active_member_role(call: Call) -> Reply:
    role = listing.role_of(
        call.user,
        user_id=call.query.get("userId"),
        organization_id=chosen_organization(call),
        slug=call.query.get("organizationSlug"),
    )
    return Reply({"role": role})


class RoleBody(Body):
    memberId = Id()
    role = TextOrTexts()
    organizationId = Id(required=False)


@operation("POST", "/update-member-role", access=Access.SIGNED_IN, body=RoleBody)
def update_member_role(call: Call) -> Reply:
    member = rules.update_member_role(
        call.user,
        chosen_organization(call),
        member_id=call.body["memberId"],
        roles=split_roles(call.body["role"]),
        client=call.client,
    )
    return Reply(wire.member_object(member))


class RemoveBody(Body):
    memberIdOrEmail = StrictText(max_length=320)
    organizationId = Id(required=False)


@operation("POST", "/remove-member", access=Access.SIGNED_IN, body=RemoveBody)
def remove_member(call: Call) -> Reply:
    named = call.body["memberIdOrEmail"]
    member = rules.remove_member(
        call.user, call.session, chosen_organization(call), member_id_or_email=named, client=call.client
    )
    shown = wire.member_with_user(member) if "@" in named else wire.member_object(member)
    return Reply({"member": shown})


class LeaveBody(Body):
    organizationId = Id()


@operation("POST", "/leave", access=Access.SIGNED_IN, body=LeaveBody)
def leave_organization(call: Call) -> Reply:
    member = rules.leave_organization(
        call.user, call.session, call.body["organizationId"], client=call.client
    )
    return Reply(wire.member_with_user(member))
