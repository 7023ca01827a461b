"""What a member sees of an organization. Source: organization.md, sections 4 and 5.

One query for the thing asked for, and one for each collection in it, however large.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import Count

from better_auth.conf import auth_settings
from better_auth.errors import BadRequest
from better_auth.storage.records import SessionRecord, UserRecord
from organizations import access_control, active, membership, organization, people
from organizations.errors import Code, Denial
from organizations.models import Invitation, Member, Organization, Team


@dataclass(frozen=True, slots=True)
class FullOrganization:
    """``teams`` have a ``member_count``."""

    organization: Organization
    members: list[Member]
    invitations: list[Invitation] = field(default_factory=list)
    teams: list[Team] = field(default_factory=list)


def list_organizations(user: UserRecord) -> list[Organization]:
    return list(Organization.objects.filter(members__user_id=user.key).order_by("created_at", "id"))


def visit(
    user: UserRecord,
    session: SessionRecord,
    *,
    organization_id: str | None,
    slug: str | None,
    hides_unknown: bool = False,
) -> tuple[Organization, Member] | None:
    """The organization named, else the session's; None where there is neither.

    Raises ``BadRequest`` for one that does not exist, and ``Denial`` for somebody who is not in it; their
    session is in none from then on. ``hides_unknown``: an id that nobody has is one that they are not in.
    """
    if not slug:
        organization_id = organization_id or session.active_organization_id
        if not organization_id:
            return None
    row = organization.find(organization_id=organization_id, slug=slug)
    if row is None and (slug or not hides_unknown):
        raise BadRequest(Code.ORGANIZATION_NOT_FOUND)
    member = membership.find_member(row.id, user) if row else None
    if row is None or member is None:
        if session.active_organization_id:
            active.switch(session, user, active_organization_id=None)
        raise Denial(403, Code.USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION)
    return row, member


def show_full(row: Organization, viewer: Member, *, members_limit: int) -> FullOrganization:
    """The organization with all that the viewer may see."""
    members = Member.objects.filter(organization=row).select_related(people.path_from())
    teams = Team.objects.filter(organization=row).annotate(member_count=Count("members"))
    has_teams = auth_settings.organization.teams.enabled
    return FullOrganization(
        row,
        list(members.order_by("created_at", "id")[:members_limit]),
        invitations_for(viewer) if membership.may(viewer, {"invitation": ["create"]}) else [],
        list(teams.order_by("created_at", "id")) if has_teams else [],
    )


def invitations_for(viewer: Member) -> list[Invitation]:
    """Of the viewer's organization, but none to the creator's role where the viewer does not hold it."""
    rows = Invitation.objects.filter(organization_id=viewer.organization_id)
    found = rows.select_related(people.path_from("inviter")).order_by("created_at", "id")
    if access_control.is_creator_role(viewer.role):
        return list(found)
    return [row for row in found if not access_control.is_creator_role(row.role)]
