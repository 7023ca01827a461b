"""Organizations speak of a host's users by the id on the wire, and give the host its own rows."""

from __future__ import annotations

from typing import Any

import pytest

from better_auth.models import UserProfile
from better_auth.storage.local_sessions import local
from organizations.models import Member
from tests.organizations.people import Somebody, somebody

pytestmark = pytest.mark.django_db


def renamed(name: str) -> Somebody:
    """Somebody whose id on the wire is not the host's primary key."""
    who = somebody(name)
    UserProfile.objects.filter(email=f"{name}@example.com").update(public_id=f"wire-{name}")
    local.clear()
    who.user["id"] = f"wire-{name}"
    return who


@pytest.fixture
def ann(db: None) -> Somebody:
    return renamed("ann")


@pytest.fixture
def bob(db: None) -> Somebody:
    return renamed("bob")


def test_every_answer_has_the_id_on_the_wire(ann: Somebody, bob: Somebody) -> None:
    assert ann.founds()["members"][0]["userId"] == "wire-ann"
    invitation = ann.invites(bob)
    assert invitation["inviterId"] == "wire-ann"
    accepted = bob.ok("POST", "/accept-invitation", {"invitationId": invitation["id"]})
    assert accepted["member"]["userId"] == "wire-bob"
    full = bob.ok("GET", "/get-full-organization")
    assert sorted(one["user"]["id"] for one in full["members"]) == ["wire-ann", "wire-bob"]
    assert [one["inviterId"] for one in ann.ok("GET", "/list-invitations")] == ["wire-ann"]


def test_every_question_takes_it(ann: Somebody, bob: Somebody) -> None:
    ann.founds()
    ann.admits(bob)
    found = ann.ok("GET", "/list-members", filterField="userId", filterValue="wire-bob")["members"]
    assert [one["user"]["email"] for one in found] == ["bob@example.com"]
    assert ann.ok("GET", "/get-active-member-role", userId="wire-bob") == {"role": "member"}
    team = ann.ok("GET", "/list-teams")[0]["id"]
    place: Any = ann.ok("POST", "/add-team-member", {"teamId": team, "userId": "wire-bob"})
    assert place["userId"] == "wire-bob"
    assert [one["id"] for one in ann.ok("GET", "/list-user-teams", userId="wire-bob")] == [team]
    ann.ok("POST", "/remove-team-member", {"teamId": team, "userId": "wire-bob"})
    key = str(Member.objects.get(role="member").user_id)
    body = {"teamId": team, "userId": key}
    ann.refused(400, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION", "POST", "/add-team-member", body)
