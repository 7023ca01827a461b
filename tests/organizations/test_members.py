"""Members: listed, given roles, removed; and the last owner, who stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from better_auth import users
from better_auth.errors import BadRequest, Forbidden
from better_auth.models import AuditEntry, UserProfile
from better_auth.storage.records import has_user_row
from organizations import members
from organizations.models import Member, TeamMember
from tests.organizations.people import Somebody, somebody

pytestmark = pytest.mark.django_db
ONLY_OWNER = "YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER"


def emails(answer: dict[str, Any]) -> list[str]:
    return [one["user"]["email"] for one in answer["members"]]


class TestListing:
    @pytest.fixture(autouse=True)
    def _crew(self, ann: Somebody, bob: Somebody, eve: Somebody, acme: dict[str, Any]) -> None:
        ann.admits(bob, "admin")
        ann.admits(eve)

    def test_pages(self, ann: Somebody) -> None:
        first = ann.ok("GET", "/list-members", limit="2", sortBy="createdAt")
        assert (emails(first), first["total"]) == (["ann@example.com", "bob@example.com"], 3)
        second = ann.ok("GET", "/list-members", limit="2", offset="2")
        assert (emails(second), second["total"]) == (["eve@example.com"], 3)
        assert (
            emails(ann.ok("GET", "/list-members", sortBy="role", sortDirection="desc"))[0]
            == "ann@example.com"
        )

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"filterField": "role", "filterValue": "admin"}, ["bob"]),
            ({"filterField": "role", "filterValue": "admin", "filterOperator": "ne"}, ["ann", "eve"]),
            (
                {"filterField": "role", "filterValue": ["admin", "owner"], "filterOperator": "in"},
                ["ann", "bob"],
            ),
            ({"filterField": "role", "filterValue": "admin,owner", "filterOperator": "not_in"}, ["eve"]),
            ({"filterField": "role", "filterValue": "m", "filterOperator": "contains"}, ["bob", "eve"]),
            ({"filterField": "role", "filterValue": "mem", "filterOperator": "starts_with"}, ["eve"]),
            ({"filterField": "createdAt", "filterValue": "2000-01-01T00:00:00Z", "filterOperator": "lt"}, []),
        ],
    )
    def test_filters_count_in_the_total(
        self, ann: Somebody, query: dict[str, Any], expected: list[str]
    ) -> None:
        answer = ann.ok("GET", "/list-members", **query)
        assert sorted(emails(answer)) == [f"{name}@example.com" for name in expected]
        assert answer["total"] == len(expected)

    def test_by_the_users_id(self, ann: Somebody, bob: Somebody) -> None:
        answer = ann.ok("GET", "/list-members", filterField="userId", filterValue=bob.user["id"])
        assert emails(answer) == ["bob@example.com"]
        role = ann.ok("GET", "/get-active-member-role", userId=bob.user["id"])
        assert role == {"role": "admin"}

    def test_a_user_is_shown_by_four_things(self, ann: Somebody) -> None:
        (own,) = ann.ok("GET", "/list-members", limit="1")["members"]
        assert own["user"] == {"id": ann.user["id"], "name": "Ann", "email": "ann@example.com", "image": None}


def many_users(emails: list[str]) -> list[Any]:
    """Rows of the user model in force, with profiles where that is how users are had."""
    model: Any = get_user_model()
    if has_user_row():
        return list(model.objects.bulk_create([model(email=email, name="M") for email in emails]))
    rows = list(model.objects.bulk_create([model(username=email, email=email) for email in emails]))
    UserProfile.objects.bulk_create(
        [UserProfile(user=row, public_id=f"wire-{row.pk}", email=row.email, name="M") for row in rows]
    )
    return rows


@pytest.mark.parametrize("path", ["/list-members", "/get-full-organization", "/list-invitations", "/list"])
def test_queries_do_not_grow_with_the_members(ann: Somebody, acme: dict[str, Any], path: str) -> None:
    """One for the thing and one for each collection: as many for 1,000 as for 10."""

    def grow(to: int) -> None:
        have = Member.objects.count()
        rows = many_users([f"m{number}@example.com" for number in range(have, to)])
        Member.objects.bulk_create([Member(organization_id=acme["id"], user=row) for row in rows])

    def count() -> int:
        query = {"limit": "2000", "membersLimit": "2000"} if "-" in path else {}
        with CaptureQueriesContext(connection) as captured:
            answer = ann.ok("GET", path, **query)
        if isinstance(answer, dict):
            assert len(answer["members"]) == Member.objects.count()
        return len(captured)

    grow(10)
    few = count()
    grow(1000)
    assert count() == few
    assert few <= 7


class TestRoles:
    def test_several_at_once(self, ann: Somebody, bob: Somebody, acme: dict[str, Any]) -> None:
        member = ann.admits(bob)
        body = {"memberId": member["id"], "role": ["admin, member", " "]}
        assert ann.ok("POST", "/update-member-role", body)["role"] == "admin,member"
        entry = AuditEntry.objects.get(event_type="organization_member_role_changed")
        assert (entry.subject_id, entry.actor_id) == (bob.user["id"], ann.user["id"])

    def test_an_empty_role(self, ann: Somebody, bob: Somebody, acme: dict[str, Any]) -> None:
        member = ann.admits(bob)
        response = ann.call("POST", "/update-member-role", {"memberId": member["id"], "role": []})
        assert (response.status_code, response.content) == (400, b"")

    def test_unknown_ones_are_named(self, ann: Somebody, bob: Somebody, acme: dict[str, Any]) -> None:
        member = ann.admits(bob)
        body = {"memberId": member["id"], "role": "emperor,admin,pope"}
        told = ann.refused(400, "ROLE_NOT_FOUND", "POST", "/update-member-role", body)
        assert told["message"] == "ROLE_NOT_FOUND: emperor, pope"

    def test_admins_neither_make_nor_unmake_owners(
        self, ann: Somebody, bob: Somebody, eve: Somebody, acme: dict[str, Any]
    ) -> None:
        bobs = ann.admits(bob, "admin")
        ann.admits(eve)
        code = "YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER"
        for member_id, role in ((acme["members"][0]["id"], "member"), (bobs["id"], "owner")):
            body = {"memberId": member_id, "role": role}
            bob.refused(403, code, "POST", "/update-member-role", body)

    def test_a_member_of_another_organization(
        self, ann: Somebody, eve: Somebody, acme: dict[str, Any]
    ) -> None:
        hers = eve.founds()["members"][0]["id"]
        code = "YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER"
        ann.refused(403, code, "POST", "/update-member-role", {"memberId": hers, "role": "member"})
        ann.refused(400, "MEMBER_NOT_FOUND", "POST", "/remove-member", {"memberIdOrEmail": hers})
        ann.refused(400, "MEMBER_NOT_FOUND", "POST", "/remove-member", {"memberIdOrEmail": "eve@example.com"})
        assert AuditEntry.objects.filter(event_type="organization_access_denied").count() == 3

    def test_the_last_owner_stays_one(self, ann: Somebody, bob: Somebody, acme: dict[str, Any]) -> None:
        own = acme["members"][0]["id"]
        code = "YOU_CANNOT_LEAVE_THE_ORGANIZATION_WITHOUT_AN_OWNER"
        ann.refused(400, code, "POST", "/update-member-role", {"memberId": own, "role": "admin"})
        ann.ok("POST", "/update-member-role", {"memberId": own, "role": "admin,owner"})
        ann.admits(bob, "owner")
        assert ann.ok("POST", "/update-member-role", {"memberId": own, "role": "admin"})["role"] == "admin"


class TestGoing:
    def test_teams_are_left_with_the_organization(
        self, ann: Somebody, bob: Somebody, acme: dict[str, Any]
    ) -> None:
        team = ann.ok("GET", "/list-teams")[0]["id"]
        ann.admits(bob, teamId=team)
        assert TeamMember.objects.count() == 2
        left = bob.ok("POST", "/leave", {"organizationId": acme["id"]})
        assert left["user"]["email"] == "bob@example.com"
        assert TeamMember.objects.count() == 1
        assert bob.session["activeOrganizationId"] is None

    def test_removing_by_id_answers_without_the_user(
        self, ann: Somebody, bob: Somebody, acme: dict[str, Any]
    ) -> None:
        member = ann.admits(bob)
        removed = ann.ok("POST", "/remove-member", {"memberIdOrEmail": member["id"]})
        assert removed == {"member": member}
        bob.refused(403, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION", "GET", "/get-full-organization")

    def test_owners_are_removed_by_owners_and_the_last_by_nobody(
        self, ann: Somebody, bob: Somebody, acme: dict[str, Any]
    ) -> None:
        ann.admits(bob, "admin")
        bob.refused(400, ONLY_OWNER, "POST", "/remove-member", {"memberIdOrEmail": "ann@example.com"})
        ann.refused(400, ONLY_OWNER, "POST", "/remove-member", {"memberIdOrEmail": "ann@example.com"})
        ann.refused(400, ONLY_OWNER, "POST", "/leave", {"organizationId": acme["id"]})
        second = ann.admits(somebody("zoe"), "owner")
        assert second["role"] == "owner"
        ann.ok("POST", "/leave", {"organizationId": acme["id"]})


class TestOnTheServer:
    """What host code calls without a request."""

    def test_a_member_is_taken_in(self, acme: dict[str, Any], bob: Somebody) -> None:
        user = users.find_by_id(bob.user["id"])
        assert user is not None
        member = members.add_member(acme["id"], user, role="admin")
        assert (member.role, member.user_id) == ("admin", user.key)
        with pytest.raises(BadRequest, match="already a member"):
            members.add_member(acme["id"], user)
        with pytest.raises(BadRequest, match="Organization not found"):
            members.add_member("no-such", user)

    def test_a_full_organization(
        self, acme: dict[str, Any], bob: Somebody, configure: Callable[..., None]
    ) -> None:
        configure(ORGANIZATION={"MEMBERSHIP_LIMIT": 1})
        user = users.find_by_id(bob.user["id"])
        assert user is not None
        with pytest.raises(Forbidden, match="limit reached"):
            members.add_member(acme["id"], user)
