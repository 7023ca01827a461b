"""Whoever loses their right while they wait for the organization's lock has it no more when they get it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from organizations import invitations, membership
from organizations.models import Invitation, Member, OrganizationRole, Team, TeamMember
from tests.organizations.people import Somebody

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]


@pytest.fixture
def known(ann: Somebody, bob: Somebody, acme: dict[str, Any], configure: Configure) -> dict[str, str]:
    """What there is to be changed, and Bob's membership as an administrator."""
    configure(ORGANIZATION={"DYNAMIC_ROLES": {"ENABLED": True}})
    role = ann.ok("POST", "/create-role", {"role": "editor", "permission": {"member": ["update"]}})
    team = ann.ok("POST", "/create-team", {"name": "Red"})
    invitation = ann.ok("POST", "/invite-member", {"email": "guest@example.com", "role": "member"})
    member = ann.admits(bob, "admin")
    ann.ok("POST", "/add-team-member", {"teamId": team["id"], "userId": ann.user["id"]})
    named = {"role": role["roleData"]["id"], "team": team["id"], "invitation": invitation["id"]}
    return {**named, "place": member["id"], "ann": ann.user["id"], "bob": bob.user["id"]}


def everything() -> list[Any]:
    kinds: tuple[Any, ...] = (Invitation, OrganizationRole, Team, TeamMember)
    return [list(kind.objects.order_by("pk").values()) for kind in kinds]


@pytest.mark.parametrize(
    ("path", "body", "refusal"),
    [
        ("/create-role", {"role": "new", "permission": {"member": ["update"]}}, 403),
        ("/update-role", {"roleId": "role", "data": {"roleName": "other"}}, 403),
        ("/delete-role", {"roleId": "role"}, 403),
        ("/create-team", {"name": "Blue"}, 403),
        ("/update-team", {"teamId": "team", "data": {"name": "Blue"}}, 403),
        ("/remove-team", {"teamId": "team"}, 403),
        ("/add-team-member", {"teamId": "team", "userId": "bob"}, 400),
        ("/remove-team-member", {"teamId": "team", "userId": "ann"}, 400),
        ("/cancel-invitation", {"invitationId": "invitation"}, 400),
        ("/invite-member", {"email": "new@example.com", "role": "member"}, 400),
    ],
)
@pytest.mark.parametrize("loss", ["removed", "demoted"])
def test_a_right_is_asked_for_under_the_lock(
    bob: Somebody,
    known: dict[str, str],
    path: str,
    body: dict[str, Any],
    refusal: int,
    loss: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock = membership.lock

    def come_second(organization_id: str) -> Any:
        row = Member.objects.filter(pk=known["place"])
        _ = row.delete() if loss == "removed" else row.update(role="member")
        return lock(organization_id)

    before = everything()
    monkeypatch.setattr(membership, "lock", come_second)
    named = {name: known.get(one, one) if isinstance(one, str) else one for name, one in body.items()}
    answer = bob.call("POST", path, named)
    assert answer.status_code == (refusal if loss == "removed" else 403), answer.content
    assert everything() == before


def test_a_loop_of_invitations_fills_no_table(
    ann: Somebody, acme: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MOST_KEPT", 3)
    waiting = ann.ok("POST", "/invite-member", {"email": "waits@example.com", "role": "member"})
    for number in range(8):
        body = {"email": f"guest{number}@example.com", "role": "member"}
        made = ann.ok("POST", "/invite-member", body)
        ann.ok("POST", "/cancel-invitation", {"invitationId": made["id"]})
    emails = [one["email"] for one in ann.ok("GET", "/list-invitations")]
    assert emails == [waiting["email"], *(f"guest{number}@example.com" for number in range(4, 8))]
