"""Accept or reject an invitation. Source: organization.md, section 6.

The claim is one guarded UPDATE, in the transaction of all that follows from it: accepted twice at once, it
makes one member; and where the member can't be made, the invitation still waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest
from better_auth.events import Client, publish
from better_auth.storage.records import SessionRecord, UserRecord
from organizations import active, current, invitations, members, membership, teams
from organizations.errors import Code
from organizations.events import InvitationAccepted, InvitationRejected, MemberAdded
from organizations.models import Invitation, InvitationStatus, Member

NEEDS_VERIFIED = Code.EMAIL_VERIFICATION_REQUIRED_BEFORE_ACCEPTING_OR_REJECTING_INVITATION


@dataclass(frozen=True, slots=True)
class Acceptance:
    """``enters_team``: the session is in a team now, too, so its cookie goes out again."""

    invitation: Invitation
    member: Member
    session: SessionRecord
    enters_team: bool


def accept_invitation(
    user: UserRecord, session: SessionRecord, invitation_id: str, *, client: Client
) -> Acceptance:
    """Become a member, join the invitation's teams, and make the organization the session's."""
    invitation = invitations.find_living(invitation_id)
    if invitation is None:
        raise BadRequest(Code.INVITATION_NOT_FOUND)
    invitations.ensure_recipient(invitation, user, NEEDS_VERIFIED)
    with transaction.atomic():
        membership.lock(invitation.organization_id)
        invitations.ensure_inviter_stayed(invitation)
        if not _claim(invitation, InvitationStatus.ACCEPTED, expires_at__gt=clock.now()):
            raise BadRequest(Code.INVITATION_NOT_FOUND)
        member = _join(invitation, user, client)
        columns: dict[str, Any] = {"active_organization_id": invitation.organization_id}
        joined = _join_teams(invitation, user)
        if len(joined) == 1:
            columns["active_team_id"] = joined[0]
        session = active.switch(session, user, **columns)
        _announce(InvitationAccepted, invitation, user, client)
    return Acceptance(invitation, member, session, enters_team=len(joined) == 1)


def reject_invitation(user: UserRecord, invitation_id: str, *, client: Client) -> Invitation:
    """Also one whose time is over."""
    refusal = BadRequest(Code.INVITATION_NOT_FOUND, "Invitation not found!")
    invitation = Invitation.objects.filter(pk=invitation_id, status=InvitationStatus.PENDING).first()
    if invitation is None:
        raise refusal
    invitations.ensure_recipient(invitation, user, NEEDS_VERIFIED)
    with transaction.atomic():
        membership.lock(invitation.organization_id)
        if not _claim(invitation, InvitationStatus.REJECTED):
            raise refusal
        _announce(InvitationRejected, invitation, user, client)
    return invitation


def _claim(invitation: Invitation, status: InvitationStatus, **conditions: Any) -> bool:
    rows = Invitation.objects.filter(pk=invitation.pk, status=InvitationStatus.PENDING, **conditions)
    won = rows.update(status=status) > 0
    if won:
        invitation.status = status
    return won


def _join(invitation: Invitation, user: UserRecord, client: Client) -> Member:
    """Somebody who is a member already stays one, with the role that they have."""
    present = membership.find_member(invitation.organization_id, user)
    if present:
        return present
    members.ensure_room(invitation.organization_id)
    member = Member.objects.create(
        organization_id=invitation.organization_id, user_id=user.key, role=invitation.role or "member"
    )
    current.forget(user.key)
    details = {"organization": invitation.organization_id, "role": member.role}
    publish(MemberAdded(client=client, subject_id=user.id, details=details))
    return member


def _join_teams(invitation: Invitation, user: UserRecord) -> list[str]:
    if not auth_settings.organization.teams.enabled:
        return []
    ids = [one for one in (invitation.team_ids or "").split(",") if one]
    for team_id in ids:
        teams.join(teams.require_team(invitation.organization_id, team_id), user.key)
    return ids


def _announce(kind: Any, invitation: Invitation, user: UserRecord, client: Client) -> None:
    details = {"organization": invitation.organization_id, "invitation": invitation.id}
    publish(kind(client=client, subject_id=user.id, details=details))
