"""Teams and who is in them; absent where teams are off. Source: organization.md, section 7."""

from __future__ import annotations

from better_auth.http.endpoint import Access, Call
from better_auth.http.fields import Body
from better_auth.http.reply import Reply
from organizations import active, team_members, wire
from organizations import teams as rules
from organizations.fields import Id, Name
from organizations.operation import caller, chosen_organization, has_teams, operation


class CreateTeamBody(Body):
    name = Name()
    organizationId = Id(required=False)


@operation("POST", "/create-team", body=CreateTeamBody, is_offered=has_teams)
def create_team(call: Call) -> Reply:
    user = caller(call)
    name = call.body["name"]
    team = rules.create_team(user, chosen_organization(call), name=name, client=call.client)
    return Reply(wire.team_object(team))


class TeamsQuery(Body):
    organizationId = Id(required=False)


@operation("GET", "/list-teams", access=Access.SIGNED_IN, query=TeamsQuery, is_offered=has_teams)
def list_teams(call: Call) -> Reply:
    return Reply([wire.team_object(row) for row in rules.list_teams(call.user, chosen_organization(call))])


class TeamChanges(Body):
    name = Name(required=False)
    organizationId = Id(required=False)


class UpdateTeamBody(Body):
    teamId = Id()
    data = TeamChanges()  # type: ignore[assignment]


@operation("POST", "/update-team", access=Access.SIGNED_IN, body=UpdateTeamBody, is_offered=has_teams)
def update_team(call: Call) -> Reply:
    """``data.organizationId`` says where to act, and moves nothing."""
    data = call.body["data"]
    team = rules.update_team(
        call.user,
        data.get("organizationId") or call.session.active_organization_id,
        team_id=call.body["teamId"],
        name=data.get("name"),
        client=call.client,
    )
    return Reply(wire.team_object(team))


class RemoveTeamBody(Body):
    teamId = Id()
    organizationId = Id(required=False)


@operation("POST", "/remove-team", body=RemoveTeamBody, is_offered=has_teams)
def remove_team(call: Call) -> Reply:
    session = call.principal.session if call.principal else None
    given = call.body.get("organizationId") or (session.active_organization_id if session else None)
    organization_id = rules.require_organization(given)
    user = caller(call)
    rules.remove_team(user, call.session, organization_id, team_id=call.body["teamId"], client=call.client)
    return Reply({"message": "Team removed successfully."})


class ActiveTeamBody(Body):
    teamId = Id(required=False, null=True)


@operation("POST", "/set-active-team", access=Access.SIGNED_IN, body=ActiveTeamBody, is_offered=has_teams)
def set_active_team(call: Call) -> Reply:
    if "teamId" in call.body and call.body["teamId"] is None:
        if call.session.active_team_id is None:
            return Reply(None)
        session = active.switch(call.session, call.user, active_team_id=None)
        return Reply(None, session=call.redelivered(session=session))
    entered = team_members.enter_team(call.user, call.session, call.body.get("teamId"))
    if entered is None:
        return Reply(None)
    team, session = entered
    return Reply(wire.team_object(team), session=call.redelivered(session=session))


class UserTeamsQuery(Body):
    userId = Id(required=False)
    organizationId = Id(required=False)


@operation("GET", "/list-user-teams", access=Access.SIGNED_IN, query=UserTeamsQuery, is_offered=has_teams)
def list_user_teams(call: Call) -> Reply:
    found = team_members.list_user_teams(
        call.user,
        call.session,
        user_id=call.query.get("userId"),
        organization_id=call.query.get("organizationId"),
    )
    return Reply([wire.team_object(row) for row in found])


class TeamQuery(Body):
    teamId = Id(required=False)


@operation("GET", "/list-team-members", access=Access.SIGNED_IN, query=TeamQuery, is_offered=has_teams)
def list_team_members(call: Call) -> Reply:
    found = team_members.list_team_members(call.user, call.session, call.query.get("teamId"))
    return Reply([wire.team_member_object(row) for row in found])


class TeamMemberBody(Body):
    teamId = Id()
    userId = Id()
    organizationId = Id(required=False)


@operation("POST", "/add-team-member", access=Access.SIGNED_IN, body=TeamMemberBody, is_offered=has_teams)
def add_team_member(call: Call) -> Reply:
    place = team_members.add_team_member(
        call.user,
        chosen_organization(call),
        team_id=call.body["teamId"],
        user_id=call.body["userId"],
        client=call.client,
    )
    return Reply(wire.team_member_object(place))


@operation("POST", "/remove-team-member", access=Access.SIGNED_IN, body=TeamMemberBody, is_offered=has_teams)
def remove_team_member(call: Call) -> Reply:
    team_members.remove_team_member(
        call.user,
        chosen_organization(call),
        team_id=call.body["teamId"],
        user_id=call.body["userId"],
        client=call.client,
    )
    return Reply({"message": "Team member removed successfully."})
