"""The settings of organizations; a part of ``schema``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from better_auth.conf.declaring import group, setting


@dataclass(frozen=True, slots=True)
class TeamSettings:
    enabled: bool = setting(False, "Organizations have teams.", env="BETTER_AUTH_ORGANIZATION_TEAMS_ENABLED")
    default_team: bool = setting(
        True,
        "A new organization begins with a team of its name.",
        env="BETTER_AUTH_ORGANIZATION_TEAMS_DEFAULT_TEAM",
    )
    limit: int | None = setting(
        None, "Teams of an organization.", env="BETTER_AUTH_ORGANIZATION_TEAMS_LIMIT", at_least=1
    )
    member_limit: int | None = setting(
        None, "Members of a team.", env="BETTER_AUTH_ORGANIZATION_TEAMS_MEMBER_LIMIT", at_least=1
    )
    allow_removing_all: bool = setting(
        False,
        "The last team can be removed, too.",
        env="BETTER_AUTH_ORGANIZATION_TEAMS_ALLOW_REMOVING_ALL",
    )


@dataclass(frozen=True, slots=True)
class DynamicRoleSettings:
    enabled: bool = setting(
        False,
        "Organizations can make roles of their own.",
        env="BETTER_AUTH_ORGANIZATION_DYNAMIC_ROLES_ENABLED",
    )
    limit: int | None = setting(
        None,
        "Such roles of an organization.",
        env="BETTER_AUTH_ORGANIZATION_DYNAMIC_ROLES_LIMIT",
        at_least=1,
    )


@dataclass(frozen=True, slots=True)
class OrganizationSettings:
    allow_creation: bool = setting(
        True, "Users can create organizations.", env="BETTER_AUTH_ORGANIZATION_ALLOW_CREATION"
    )
    creation_check: str | None = setting(
        None, "Callable ``(user) -> bool``: whether this user may create one, where users can."
    )
    limit: int | None = setting(
        None,
        "Organizations that somebody can be in and still create one.",
        env="BETTER_AUTH_ORGANIZATION_LIMIT",
        at_least=1,
    )
    creator_role: str = setting(
        "owner",
        "Role of whoever creates one; the last member who has it can't leave.",
        env="BETTER_AUTH_ORGANIZATION_CREATOR_ROLE",
    )
    membership_limit: int = setting(
        100,
        "Members of an organization.",
        env="BETTER_AUTH_ORGANIZATION_MEMBERSHIP_LIMIT",
        at_least=1,
    )
    invitation_limit: int = setting(
        100,
        "Invitations of an organization that wait for an answer.",
        env="BETTER_AUTH_ORGANIZATION_INVITATION_LIMIT",
        at_least=1,
    )
    invitation_expires_in: int = setting(
        172800,
        "Seconds that an invitation is good for.",
        env="BETTER_AUTH_ORGANIZATION_INVITATION_EXPIRES_IN",
        at_least=1,
    )
    invitation_page: str | None = setting(
        None,
        "Page of the front end that mails lead to, followed by a slash and the invitation's id; "
        "unset: /accept-invitation of BASE_URL.",
        env="BETTER_AUTH_ORGANIZATION_INVITATION_PAGE",
    )
    send_invitations: bool = setting(
        True, "Invitations are mailed.", env="BETTER_AUTH_ORGANIZATION_SEND_INVITATIONS"
    )
    replace_pending_invitation: bool = setting(
        False,
        "Inviting somebody again cancels the former invitation, instead of being refused.",
        env="BETTER_AUTH_ORGANIZATION_REPLACE_PENDING_INVITATION",
    )
    require_verified_email: bool = setting(
        False,
        "Only a verified address can see, accept or reject an invitation.",
        env="BETTER_AUTH_ORGANIZATION_REQUIRE_VERIFIED_EMAIL",
    )
    disable_deletion: bool = setting(
        False,
        "Organizations can't be deleted by their members.",
        env="BETTER_AUTH_ORGANIZATION_DISABLE_DELETION",
    )
    statements: Mapping[str, Any] = setting(
        {}, "Resources of the host and their actions: ``{'project': ['create', 'delete']}``."
    )
    roles: Mapping[str, Any] = setting(
        {}, "Roles of the host, or more for a default one: ``{'admin': {'project': ['create']}}``."
    )
    default_roles: bool = setting(
        True,
        "There are the roles owner, admin and member.",
        env="BETTER_AUTH_ORGANIZATION_DEFAULT_ROLES",
    )
    teams: TeamSettings = group(TeamSettings, "Teams.")
    dynamic_roles: DynamicRoleSettings = group(DynamicRoleSettings, "Roles that organizations make.")
