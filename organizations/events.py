"""What happens to organizations, in the past tense; hear of it as of the core's events (docs/hooks.md).

``subject_id`` is the user whom it happened to, ``details["organization"]`` the organization's id.
"""

from __future__ import annotations

from better_auth.events import Event


class OrganizationCreated(Event):
    type = "organization_created"


class OrganizationUpdated(Event):
    type = "organization_updated"


class OrganizationDeleted(Event):
    type = "organization_deleted"


class MemberAdded(Event):
    type = "organization_member_added"


class MemberRoleChanged(Event):
    type = "organization_member_role_changed"


class MemberRemoved(Event):
    type = "organization_member_removed"


class MemberLeft(Event):
    type = "organization_member_left"


class InvitationSent(Event):
    type = "organization_invitation_sent"


class InvitationAccepted(Event):
    type = "organization_invitation_accepted"


class InvitationRejected(Event):
    type = "organization_invitation_rejected"


class InvitationCanceled(Event):
    type = "organization_invitation_canceled"


class TeamCreated(Event):
    type = "organization_team_created"


class TeamUpdated(Event):
    type = "organization_team_updated"


class TeamRemoved(Event):
    type = "organization_team_removed"


class TeamMemberAdded(Event):
    type = "organization_team_member_added"


class TeamMemberRemoved(Event):
    type = "organization_team_member_removed"


class RoleCreated(Event):
    type = "organization_role_created"


class RoleUpdated(Event):
    type = "organization_role_updated"


class RoleDeleted(Event):
    type = "organization_role_deleted"


class AccessDenied(Event):
    """Somebody asked for what is another organization's, or above their role."""

    type = "organization_access_denied"
    success = False
