"""Rows as they appear on the wire, and the only place here that knows the wire's names.

``metadata`` has two forms: an object in what ``create`` and ``update`` answer, the stored text elsewhere
(organization.md, section 1).
"""

from __future__ import annotations

import json
from typing import Any

from better_auth.conf import auth_settings
from better_auth.http.wire import iso
from organizations import people
from organizations.models import Invitation, Member, Organization, OrganizationRole, Team, TeamMember


def organization_object(row: Organization) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "slug": row.slug,
        "logo": row.logo,
        "createdAt": iso(row.created_at),
        "metadata": row.metadata,
    }


def changed_organization(row: Organization) -> dict[str, Any]:
    """With ``metadata`` as an object, and without it where there is none."""
    shown = organization_object(row)
    del shown["metadata"]
    return shown if row.metadata is None else {**shown, "metadata": json.loads(row.metadata)}


def member_object(row: Member) -> dict[str, Any]:
    return {
        "id": row.id,
        "organizationId": row.organization_id,
        "userId": people.wire_id(row),
        "role": row.role,
        "createdAt": iso(row.created_at),
    }


def member_with_user(row: Member) -> dict[str, Any]:
    person = people.person_of(row)
    user = {"id": person.id, "name": person.name, "email": person.email, "image": person.image}
    return {**member_object(row), "user": user}


def invitation_object(row: Invitation) -> dict[str, Any]:
    shown = {
        "id": row.id,
        "organizationId": row.organization_id,
        "email": row.email,
        "role": row.role,
        "status": row.status,
        "expiresAt": iso(row.expires_at),
        "createdAt": iso(row.created_at),
        "inviterId": people.wire_id(row, "inviter"),
    }
    return {**shown, "teamId": row.team_ids} if auth_settings.organization.teams.enabled else shown


def team_object(row: Team) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "organizationId": row.organization_id,
        "createdAt": iso(row.created_at),
        "updatedAt": iso(row.updated_at),
    }


def team_member_object(row: TeamMember) -> dict[str, Any]:
    return {
        "id": row.id,
        "teamId": row.team_id,
        "userId": people.wire_id(row),
        "createdAt": iso(row.created_at),
    }


def role_object(row: OrganizationRole) -> dict[str, Any]:
    return {
        "id": row.id,
        "organizationId": row.organization_id,
        "role": row.role,
        "permission": json.loads(row.permission),
        "createdAt": iso(row.created_at),
        "updatedAt": iso(row.updated_at),
    }
