"""Signals for the host: the core's two, and the events of organizations as their senders.

``recorded`` comes inside the transaction of a change: a receiver that raises an ``AuthError`` refuses it, and
the client is told so. ``committed`` comes after it, and can't fail anything.
"""

from better_auth.events import committed, recorded
from organizations.events import (
    AccessDenied,
    InvitationAccepted,
    InvitationCanceled,
    InvitationRejected,
    InvitationSent,
    MemberAdded,
    MemberLeft,
    MemberRemoved,
    MemberRoleChanged,
    OrganizationCreated,
    OrganizationDeleted,
    OrganizationUpdated,
    RoleCreated,
    RoleDeleted,
    RoleUpdated,
    TeamCreated,
    TeamMemberAdded,
    TeamMemberRemoved,
    TeamRemoved,
    TeamUpdated,
)

__all__ = [
    "AccessDenied",
    "InvitationAccepted",
    "InvitationCanceled",
    "InvitationRejected",
    "InvitationSent",
    "MemberAdded",
    "MemberLeft",
    "MemberRemoved",
    "MemberRoleChanged",
    "OrganizationCreated",
    "OrganizationDeleted",
    "OrganizationUpdated",
    "RoleCreated",
    "RoleDeleted",
    "RoleUpdated",
    "TeamCreated",
    "TeamMemberAdded",
    "TeamMemberRemoved",
    "TeamRemoved",
    "TeamUpdated",
    "committed",
    "recorded",
]
