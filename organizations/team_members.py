"""Who is in a team, and which team a session is in. Source: organization.md, section 7."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from better_auth.errors import BadRequest
from better_auth.events import Client, publish
from better_auth.storage.records import SessionRecord, UserRecord
from organizations import active, membership, people, teams
from organizations.errors import Code, Denial
from organizations.events import TeamMemberAdded, TeamMemberRemoved
from organizations.models import Member, Team, TeamMember


def enter_team(
    user: UserRecord, session: SessionRecord, team_id: str | None
) -> tuple[Team, SessionRecord] | None:
    """Make a team the session's; without an id look at the present one again. None for none."""
    team_id = team_id or session.active_team_id
    if not team_id:
        return None
    organization_id = teams.require_organization(session.active_organization_id)
    team = teams.require_team(organization_id, team_id)
    if not TeamMember.objects.filter(team=team, user_id=user.key).exists():
        raise Denial(403, Code.USER_IS_NOT_A_MEMBER_OF_THE_TEAM)
    return team, active.switch(session, user, active_team_id=team.id)


def list_user_teams(
    user: UserRecord, session: SessionRecord, *, user_id: str | None, organization_id: str | None
) -> list[Team]:
    """The caller's own teams, of all their organizations or of one; or those of another member."""
    if not user_id or user_id == user.id:
        if organization_id and membership.find_member(organization_id, user) is None:
            raise Denial(403, Code.YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION)
        return _teams_of(user.key, organization_id)
    organization_id = teams.require_organization(organization_id or session.active_organization_id)
    member = membership.find_member(organization_id, user)
    if member is None:
        raise Denial(403, Code.YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION)
    if not membership.may(member, {"member": ["update"]}):
        raise Denial(403, Code.YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER)
    key = people.find_key(user_id)
    if key is None or not Member.objects.filter(organization_id=organization_id, user_id=key).exists():
        raise BadRequest(Code.USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION)
    return _teams_of(key, organization_id)


def list_team_members(user: UserRecord, session: SessionRecord, team_id: str | None) -> list[TeamMember]:
    """For those who are in the team only."""
    team_id = team_id or session.active_team_id
    if not team_id:
        raise BadRequest(Code.YOU_DO_NOT_HAVE_AN_ACTIVE_TEAM)
    team = Team.objects.filter(pk=team_id).first()
    if team is None:
        raise BadRequest(Code.TEAM_NOT_FOUND)
    if not TeamMember.objects.filter(team=team, user_id=user.key).exists():
        raise Denial(400, Code.USER_IS_NOT_A_MEMBER_OF_THE_TEAM)
    rows = TeamMember.objects.filter(team=team).select_related(people.path_from())
    return list(rows.order_by("created_at", "id"))


def add_team_member(
    user: UserRecord, organization_id: str | None, *, team_id: str, user_id: str, client: Client
) -> TeamMember:
    """Somebody who is in the team already stays there."""
    refusal = Code.YOU_ARE_NOT_ALLOWED_TO_CREATE_A_NEW_TEAM_MEMBER
    with _locked(user, organization_id, "update", refusal) as place_id:
        key = _require_key(place_id, user_id)
        team = teams.require_team(place_id, team_id)
        place, is_new = teams.join(team, key)
        if is_new:
            _announce(TeamMemberAdded, team, user_id, user, client)
    return place


def remove_team_member(
    user: UserRecord, organization_id: str | None, *, team_id: str, user_id: str, client: Client
) -> None:
    refusal = Code.YOU_ARE_NOT_ALLOWED_TO_REMOVE_A_TEAM_MEMBER
    with _locked(user, organization_id, "delete", refusal) as place_id:
        key = _require_key(place_id, user_id)
        team = teams.require_team(place_id, team_id)
        gone, _ = TeamMember.objects.filter(team=team, user_id=key).delete()
        if not gone:
            raise BadRequest(Code.USER_IS_NOT_A_MEMBER_OF_THE_TEAM)
        _announce(TeamMemberRemoved, team, user_id, user, client)


def _teams_of(user_key: Any, organization_id: str | None) -> list[Team]:
    """Only of organizations that the user is in."""
    rows = Team.objects.filter(members__user_id=user_key)
    own = Member.objects.filter(user_id=user_key).values("organization_id")
    rows = rows.filter(organization_id__in=own)
    if organization_id:
        rows = rows.filter(organization_id=organization_id)
    return list(rows.order_by("created_at", "id"))


@contextmanager
def _locked(user: UserRecord, organization_id: str | None, action: str, refusal: Code) -> Iterator[str]:
    """The organization, under its lock, for a caller who may do this to its members."""
    place_id = teams.require_organization(organization_id)

    def ensure_right() -> Member:
        member = membership.find_member(place_id, user)
        if member is None:
            raise Denial(400, Code.USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION)
        if not membership.may(member, {"member": [action]}):
            raise Denial(403, refusal)
        return member

    with membership.locked(place_id, ensure_right):
        yield place_id


def _require_key(organization_id: str, user_id: str) -> Any:
    key = people.find_key(user_id)
    if key is None or not Member.objects.filter(organization_id=organization_id, user_id=key).exists():
        raise BadRequest(Code.USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION)
    return key


def _announce(kind: Any, team: Team, user_id: str, actor: UserRecord, client: Client) -> None:
    details = {"organization": team.organization_id, "team": team.id}
    publish(kind(client=client, subject_id=user_id, actor_id=actor.id, details=details))
