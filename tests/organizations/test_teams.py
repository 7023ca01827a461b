"""Teams: made, renamed, removed; who is in them, and which of them a session is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from organizations.models import Invitation, TeamMember
from tests.organizations.people import Somebody

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]


@pytest.fixture
def red(ann: Somebody, acme: dict[str, Any]) -> dict[str, Any]:
    return dict(ann.ok("POST", "/create-team", {"name": "Red"}))


@pytest.fixture
def hers(eve: Somebody) -> str:
    """A team of another organization."""
    eve.founds()
    return str(eve.ok("GET", "/list-teams")[0]["id"])


def test_a_new_team_is_empty(ann: Somebody, red: dict[str, Any]) -> None:
    assert set(red) == {"id", "name", "organizationId", "createdAt", "updatedAt"}
    counts = {one["name"]: one["memberCount"] for one in ann.ok("GET", "/get-full-organization")["teams"]}
    assert counts == {"Acme": 1, "Red": 0}


def test_there_are_so_many(ann: Somebody, red: dict[str, Any], configure: Configure) -> None:
    configure(ORGANIZATION={"TEAMS": {"LIMIT": 2}})
    code = "YOU_HAVE_REACHED_THE_MAXIMUM_NUMBER_OF_TEAMS"
    ann.refused(400, code, "POST", "/create-team", {"name": "Blue"})


def test_the_last_one_stays(ann: Somebody, acme: dict[str, Any], configure: Configure) -> None:
    only = ann.ok("GET", "/list-teams")[0]["id"]
    ann.ok("POST", "/set-active-team", {"teamId": None})
    ann.refused(400, "UNABLE_TO_REMOVE_LAST_TEAM", "POST", "/remove-team", {"teamId": only})
    configure(ORGANIZATION={"TEAMS": {"ALLOW_REMOVING_ALL": True}})
    ann.ok("POST", "/remove-team", {"teamId": only})
    assert ann.ok("GET", "/list-teams") == []


def test_invitations_lose_a_team_that_goes(ann: Somebody, bob: Somebody, red: dict[str, Any]) -> None:
    first = next(one["id"] for one in ann.ok("GET", "/list-teams") if one["name"] == "Acme")
    invitation = ann.invites(bob, teamId=[red["id"], first])
    assert invitation["teamId"] == f"{red['id']},{first}"
    ann.ok("POST", "/remove-team", {"teamId": red["id"]})
    assert Invitation.objects.get().team_ids == first
    bob.ok("POST", "/accept-invitation", {"invitationId": invitation["id"]})
    assert bob.session["activeTeamId"] == first


def test_an_invitation_to_two_teams_enters_neither(ann: Somebody, bob: Somebody, red: dict[str, Any]) -> None:
    ids = [one["id"] for one in ann.ok("GET", "/list-teams")]
    ann.admits(bob, teamId=ids)
    assert bob.session["activeTeamId"] is None
    assert sorted(one["id"] for one in bob.ok("GET", "/list-user-teams")) == sorted(ids)


def test_places_in_a_team(ann: Somebody, bob: Somebody, red: dict[str, Any], configure: Configure) -> None:
    ann.admits(bob)
    body = {"teamId": red["id"], "userId": bob.user["id"]}
    place = ann.ok("POST", "/add-team-member", body)
    assert place == ann.ok("POST", "/add-team-member", body)
    assert TeamMember.objects.filter(team_id=red["id"]).count() == 1
    configure(ORGANIZATION={"TEAMS": {"MEMBER_LIMIT": 1}})
    full = {"teamId": red["id"], "userId": ann.user["id"]}
    ann.refused(403, "TEAM_MEMBER_LIMIT_REACHED", "POST", "/add-team-member", full)
    ann.refused(400, "USER_IS_NOT_A_MEMBER_OF_THE_TEAM", "GET", "/list-team-members", teamId=red["id"])
    ann.ok("POST", "/remove-team-member", body)
    ann.refused(400, "USER_IS_NOT_A_MEMBER_OF_THE_TEAM", "POST", "/remove-team-member", body)


def test_a_member_may_not(ann: Somebody, bob: Somebody, red: dict[str, Any]) -> None:
    ann.admits(bob)
    body = {"teamId": red["id"], "userId": bob.user["id"]}
    bob.refused(403, "YOU_ARE_NOT_ALLOWED_TO_CREATE_A_NEW_TEAM_MEMBER", "POST", "/add-team-member", body)
    bob.refused(403, "YOU_ARE_NOT_ALLOWED_TO_REMOVE_A_TEAM_MEMBER", "POST", "/remove-team-member", body)
    changes = {"teamId": red["id"], "data": {"name": "Mine"}}
    bob.refused(403, "YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_TEAM", "POST", "/update-team", changes)
    removal = {"teamId": red["id"]}
    bob.refused(
        403, "YOU_ARE_NOT_ALLOWED_TO_DELETE_TEAMS_IN_THIS_ORGANIZATION", "POST", "/remove-team", removal
    )
    bob.refused(
        403, "YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER", "GET", "/list-user-teams", userId=ann.user["id"]
    )


def test_another_organizations_team_is_not_found(
    ann: Somebody, eve: Somebody, acme: dict[str, Any], hers: str
) -> None:
    for path, body in (
        ("/update-team", {"teamId": hers, "data": {"name": "Mine"}}),
        ("/remove-team", {"teamId": hers}),
        ("/set-active-team", {"teamId": hers}),
        ("/add-team-member", {"teamId": hers, "userId": ann.user["id"]}),
        ("/invite-member", {"email": "guest@example.com", "role": "member", "teamId": hers}),
    ):
        ann.refused(400, "TEAM_NOT_FOUND", "POST", path, body)
    ann.refused(400, "USER_IS_NOT_A_MEMBER_OF_THE_TEAM", "GET", "/list-team-members", teamId=hers)
    assert eve.ok("GET", "/list-teams")[0]["name"] == "Acme"


def test_strangers_can_not_be_put_into_a_team(ann: Somebody, bob: Somebody, red: dict[str, Any]) -> None:
    for user_id in (bob.user["id"], "no-such"):
        body = {"teamId": red["id"], "userId": user_id}
        ann.refused(400, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION", "POST", "/add-team-member", body)


def test_the_session_enters_and_leaves(ann: Somebody, red: dict[str, Any]) -> None:
    ann.refused(403, "USER_IS_NOT_A_MEMBER_OF_THE_TEAM", "POST", "/set-active-team", {"teamId": red["id"]})
    ann.ok("POST", "/add-team-member", {"teamId": red["id"], "userId": ann.user["id"]})
    entered = ann.call("POST", "/set-active-team", {"teamId": red["id"]})
    assert (entered.json()["name"], "better-auth.session_token" in entered.cookies) == ("Red", True)
    assert ann.session["activeTeamId"] == red["id"]
    assert ann.ok("POST", "/set-active-team", {})["id"] == red["id"]
    assert ann.ok("POST", "/set-active-team", {"teamId": None}) is None
    assert ann.ok("POST", "/set-active-team", {}) is None
