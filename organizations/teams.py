"""Teams of an organization. Source: organization.md, section 7."""

from __future__ import annotations

from typing import Any

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, Forbidden
from better_auth.events import Client, publish
from better_auth.storage.records import SessionRecord, UserRecord
from organizations import membership
from organizations.errors import Code, Denial
from organizations.events import TeamCreated, TeamRemoved, TeamUpdated
from organizations.models import Invitation, InvitationStatus, Member, Team, TeamMember


def require_team(organization_id: str, team_id: str) -> Team:
    """Raises for a team that there is not, and for another organization's alike."""
    team = Team.objects.filter(pk=team_id).first()
    if team is None:
        raise BadRequest(Code.TEAM_NOT_FOUND)
    if team.organization_id != organization_id:
        raise Denial(400, Code.TEAM_NOT_FOUND)
    return team


def ensure_room(team: Team) -> None:
    """To be asked under the organization's lock."""
    limit = auth_settings.organization.teams.member_limit
    if limit is not None and TeamMember.objects.filter(team=team).count() >= limit:
        raise Forbidden(Code.TEAM_MEMBER_LIMIT_REACHED)


def join(team: Team, user_key: Any) -> tuple[TeamMember, bool]:
    """The user's place in the team, and whether it is new. Under the organization's lock."""
    present = TeamMember.objects.filter(team=team, user_id=user_key).first()
    if present:
        return present, False
    ensure_room(team)
    return TeamMember.objects.create(team=team, user_id=user_key), True


def create_team(user: UserRecord, organization_id: str | None, *, name: str, client: Client) -> Team:
    """Make a team; its creator does not join it."""
    organization_id = require_organization(organization_id)
    strangers = Code.YOU_ARE_NOT_ALLOWED_TO_INVITE_USERS_TO_THIS_ORGANIZATION
    refusal = Code.YOU_ARE_NOT_ALLOWED_TO_CREATE_TEAMS_IN_THIS_ORGANIZATION
    with membership.locked(
        organization_id, lambda: _require(user, organization_id, "create", refusal, strangers)
    ) as (row, _):
        limit = auth_settings.organization.teams.limit
        if limit is not None and Team.objects.filter(organization=row).count() >= limit:
            raise BadRequest(Code.YOU_HAVE_REACHED_THE_MAXIMUM_NUMBER_OF_TEAMS)
        now = clock.now()
        team = Team.objects.create(organization=row, name=name, created_at=now, updated_at=now)
        _announce(TeamCreated, team, user, client)
    return team


def list_teams(user: UserRecord, organization_id: str | None) -> list[Team]:
    organization_id = require_organization(organization_id)
    if membership.find_member(organization_id, user) is None:
        raise Denial(403, Code.YOU_ARE_NOT_ALLOWED_TO_ACCESS_THIS_ORGANIZATION)
    return list(Team.objects.filter(organization_id=organization_id).order_by("created_at", "id"))


def update_team(
    user: UserRecord, organization_id: str | None, *, team_id: str, name: str | None, client: Client
) -> Team:
    organization_id = require_organization(organization_id)
    refusal = Code.YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_TEAM
    with membership.locked(
        organization_id, lambda: _require(user, organization_id, "update", refusal, refusal)
    ):
        team = require_team(organization_id, team_id)
        team.name, team.updated_at = name or team.name, clock.now()
        team.save(update_fields=["name", "updated_at"])
        _announce(TeamUpdated, team, user, client)
    return team


def remove_team(
    user: UserRecord, session: SessionRecord, organization_id: str, *, team_id: str, client: Client
) -> None:
    """Remove a team and the places in it; invitations to it lead to the organization alone."""
    strangers = Code.YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_TEAM
    refusal = Code.YOU_ARE_NOT_ALLOWED_TO_DELETE_TEAMS_IN_THIS_ORGANIZATION
    if session.active_team_id == team_id:
        raise Denial(403, strangers)
    with membership.locked(
        organization_id, lambda: _require(user, organization_id, "delete", refusal, strangers)
    ):
        team = require_team(organization_id, team_id)
        is_last = Team.objects.filter(organization_id=organization_id).count() <= 1
        if is_last and not auth_settings.organization.teams.allow_removing_all:
            raise BadRequest(Code.UNABLE_TO_REMOVE_LAST_TEAM)
        _strip_from_invitations(team)
        _announce(TeamRemoved, team, user, client)
        team.delete()


def require_organization(organization_id: str | None) -> str:
    if not organization_id:
        raise BadRequest(Code.NO_ACTIVE_ORGANIZATION)
    return organization_id


def _require(
    user: UserRecord, organization_id: str | None, action: str, refusal: Code, strangers: Code
) -> Member:
    """``strangers``: what somebody who is no member is told."""
    member = membership.find_member(organization_id, user)
    if member is None:
        raise Denial(403, strangers)
    if not membership.may(member, {"team": [action]}):
        raise Denial(403, refusal)
    return member


def _strip_from_invitations(team: Team) -> None:
    waiting = Invitation.objects.filter(
        organization_id=team.organization_id,
        status=InvitationStatus.PENDING,
        team_ids__contains=team.id,
    )
    for invitation in waiting:
        left = [one for one in (invitation.team_ids or "").split(",") if one and one != team.id]
        Invitation.objects.filter(pk=invitation.pk).update(team_ids=",".join(left) or None)


def _announce(kind: Any, team: Team, actor: UserRecord, client: Client) -> None:
    details = {"organization": team.organization_id, "team": team.id}
    publish(kind(client=client, actor_id=actor.id, details=details))
