"""Invitations: mailed, renewed, canceled, accepted, rejected; and whose they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from better_auth import clock, users
from better_auth.models import AuditEntry
from organizations import membership
from organizations.models import Invitation, Member
from tests.conftest import ApiClient, FrozenTime
from tests.organizations.people import Somebody

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]


def verify(who: Somebody) -> None:
    user = users.find_by_id(who.user["id"])
    assert user is not None
    users.update(user, email_verified=True)


class TestTheMail:
    def test_it_names_who_invites_where_to_and_leads_there(
        self, ann: Somebody, acme: dict[str, Any], commits: None, mails: Callable[[], list[Any]]
    ) -> None:
        body = {"email": "Guest@Example.com", "role": "member"}
        invitation = ann.ok("POST", "/invite-member", body)
        assert invitation["email"] == "guest@example.com"
        (mail,) = mails()
        assert mail.to == ["guest@example.com"]
        assert "Invitation to Acme" in mail.subject
        assert "Ann invites you to join Acme" in mail.body
        assert f"http://testserver/accept-invitation/{invitation['id']}" in mail.body
        assert "48 hours" in mail.body
        assert invitation["id"] in mail.alternatives[0][0]

    def test_it_carries_no_advertisement(
        self, ann: Somebody, commits: None, mails: Callable[[], list[Any]]
    ) -> None:
        ann.ok("POST", "/create", {"name": "Win at casino.example", "slug": "x"})
        ann.ok("POST", "/invite-member", {"email": "guest@example.com", "role": "member"})
        (mail,) = mails()
        assert "casino" not in mail.subject + mail.body + mail.alternatives[0][0]
        assert "to join an organization" in mail.body

    def test_the_page_of_the_front_end(
        self, ann: Somebody, acme: dict[str, Any], configure: Configure, commits: None,
        mails: Callable[[], list[Any]],
    ) -> None:  # fmt: skip
        configure(ORGANIZATION={"INVITATION_PAGE": "https://app.example.com/join/"})
        invitation = ann.ok("POST", "/invite-member", {"email": "guest@example.com", "role": "member"})
        assert f"https://app.example.com/join/{invitation['id']}" in mails()[0].body

    def test_a_refused_invitation_mails_nothing(
        self, ann: Somebody, acme: dict[str, Any], commits: None, mails: Callable[[], list[Any]]
    ) -> None:
        ann.refused(400, None, "POST", "/invite-member", {"email": "guest@example.com", "role": "emperor"})
        assert mails() == []

    def test_one_mailbox_gets_so_many(
        self, ann: Somebody, acme: dict[str, Any], configure: Configure
    ) -> None:
        configure(RATE_LIMIT={"ENABLED": True, "MAILS": 2})
        body = {"email": "bombed@example.com", "role": "member", "resend": True}
        statuses = [ann.call("POST", "/invite-member", body).status_code for _ in range(4)]
        assert statuses == [200, 200, 429, 429]


class TestInviting:
    def test_the_alias(self, ann: Somebody, acme: dict[str, Any]) -> None:
        response = ann.call("POST", "/invite", {"email": "guest@example.com", "role": ["member", "admin"]})
        assert (response.status_code, response.json()["role"]) == (200, "member,admin")

    @pytest.mark.parametrize(
        ("status", "code", "body"),
        [
            (400, "INVALID_EMAIL", {"email": "nobody", "role": "member"}),
            (400, "INVALID_EMAIL", {"email": "x" * 1_000_000 + "@example.com", "role": "member"}),
            (400, "ROLE_NOT_FOUND", {"email": "a@example.com", "role": " , "}),
            (400, None, {"email": "a@example.com", "role": "emperor"}),
            (400, "VALIDATION_ERROR", {"email": "a@example.com", "role": "x" * 1_000_000}),
            (400, "VALIDATION_ERROR", {"email": "a@example.com", "role": 7}),
            (400, "VALIDATION_ERROR", {"email": "a@example.com", "role": [7]}),
            (400, "VALIDATION_ERROR", {"email": "a@example.com", "role": ["member"] * 10_000}),
            (400, "VALIDATION_ERROR", {"email": "a@example.com"}),
            (400, "INVALID_TEAM_ID", {"email": "a@example.com", "role": "member", "teamId": "a,b"}),
            (400, "TEAM_NOT_FOUND", {"email": "a@example.com", "role": "member", "teamId": ["no-such"]}),
        ],
    )
    def test_bad_input(
        self, ann: Somebody, acme: dict[str, Any], status: int, code: str | None, body: Any
    ) -> None:
        ann.refused(status, code, "POST", "/invite-member", body)
        assert not Invitation.objects.exists()

    def test_unknown_roles_are_named(self, ann: Somebody, acme: dict[str, Any]) -> None:
        body = {"email": "a@example.com", "role": ["emperor", "pope"]}
        told = ann.refused(400, None, "POST", "/invite-member", body)
        assert told == {"message": "ROLE_NOT_FOUND: emperor, pope"}

    def test_only_owners_invite_owners(self, ann: Somebody, bob: Somebody, acme: dict[str, Any]) -> None:
        ann.admits(bob, "admin")
        code = "YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE"
        bob.refused(403, code, "POST", "/invite-member", {"email": "a@example.com", "role": "owner"})
        ann.ok("POST", "/invite-member", {"email": "a@example.com", "role": "owner"})
        body = {"email": "a@example.com", "role": "member", "resend": True}
        bob.refused(403, code, "POST", "/invite-member", body)
        assert len(ann.ok("GET", "/list-invitations")) == 2
        assert [one["role"] for one in bob.ok("GET", "/list-invitations")] == ["admin"]
        assert len(bob.ok("GET", "/get-full-organization")["invitations"]) == 1

    def test_so_many_wait_at_once(self, ann: Somebody, acme: dict[str, Any], configure: Configure) -> None:
        """A loop of 10,000 gets no further than the limit."""
        configure(ORGANIZATION={"INVITATION_LIMIT": 3})
        bodies = [{"email": f"guest{number}@example.com", "role": "member"} for number in range(6)]
        answers = [ann.call("POST", "/invite-member", body) for body in bodies]
        assert [one.status_code for one in answers] == [200, 200, 200, 403, 403, 403]
        assert answers[-1].json()["code"] == "INVITATION_LIMIT_REACHED"
        first = answers[0].json()["id"]
        ann.ok("POST", "/cancel-invitation", {"invitationId": first})
        ann.ok("POST", "/invite-member", bodies[5])

    def test_whoever_is_removed_while_they_wait_invites_nobody(
        self, ann: Somebody, bob: Somebody, acme: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The removal had the lock that the invitation was waiting for."""
        member, lock = ann.admits(bob, "admin"), membership.lock

        def come_second(organization_id: str) -> Any:
            Member.objects.filter(pk=member["id"]).delete()
            return lock(organization_id)

        monkeypatch.setattr(membership, "lock", come_second)
        body = {"email": "bob-again@example.com", "role": "admin", "organizationId": acme["id"]}
        bob.refused(400, "MEMBER_NOT_FOUND", "POST", "/invite-member", body)
        assert not Invitation.objects.filter(email="bob-again@example.com").exists()

    def test_again_after_its_time(self, ann: Somebody, acme: dict[str, Any], frozen_time: FrozenTime) -> None:
        body = {"email": "guest@example.com", "role": "member"}
        first = ann.ok("POST", "/invite-member", body)
        ann.refused(400, "USER_IS_ALREADY_INVITED_TO_THIS_ORGANIZATION", "POST", "/invite-member", body)
        frozen_time.advance(hours=49)
        assert ann.ok("POST", "/invite-member", body)["id"] != first["id"]

    def test_resending_renews_the_time_and_keeps_the_role(
        self, ann: Somebody, acme: dict[str, Any], frozen_time: FrozenTime
    ) -> None:
        first = ann.ok("POST", "/invite-member", {"email": "guest@example.com", "role": "member"})
        frozen_time.advance(hours=40)
        body = {"email": "guest@example.com", "role": "admin", "resend": True}
        again = ann.ok("POST", "/invite-member", body)
        assert (again["id"], again["role"]) == (first["id"], "member")
        assert again["expiresAt"] == clock.iso(frozen_time.now + timedelta(hours=48))

    def test_the_former_one_can_be_replaced(
        self, ann: Somebody, acme: dict[str, Any], configure: Configure
    ) -> None:
        configure(ORGANIZATION={"REPLACE_PENDING_INVITATION": True, "INVITATION_LIMIT": 1})
        body = {"email": "guest@example.com", "role": "member"}
        first, second = (ann.ok("POST", "/invite-member", body)["id"] for _ in range(2))
        assert dict(Invitation.objects.values_list("id", "status")) == {first: "canceled", second: "pending"}


class TestAnswering:
    def test_it_is_the_recipients_alone(
        self, ann: Somebody, bob: Somebody, eve: Somebody, acme: dict[str, Any]
    ) -> None:
        invitation = ann.invites(bob)
        code = "YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION"
        eve.refused(403, code, "GET", "/get-invitation", id=invitation["id"])
        for path in ("/accept-invitation", "/reject-invitation"):
            eve.refused(403, code, "POST", path, {"invitationId": invitation["id"]})
        eve.refused(400, "MEMBER_NOT_FOUND", "POST", "/cancel-invitation", {"invitationId": invitation["id"]})
        denials = AuditEntry.objects.filter(
            event_type="organization_access_denied", subject_id=eve.user["id"]
        )
        assert denials.count() == 4
        assert Invitation.objects.get().status == "pending"

    def test_its_time_ends(
        self, ann: Somebody, bob: Somebody, acme: dict[str, Any], frozen_time: FrozenTime
    ) -> None:
        invitation = ann.invites(bob)
        frozen_time.advance(hours=48)
        body = {"invitationId": invitation["id"]}
        bob.refused(400, "INVITATION_NOT_FOUND", "POST", "/accept-invitation", body)
        bob.refused(400, "INVITATION_NOT_FOUND", "GET", "/get-invitation", id=invitation["id"])
        verify(bob)
        assert [one["id"] for one in bob.ok("GET", "/list-user-invitations")] == [invitation["id"]]
        assert bob.ok("POST", "/reject-invitation", body)["member"] is None
        told = bob.refused(400, "INVITATION_NOT_FOUND", "POST", "/reject-invitation", body)
        assert told["message"] == "Invitation not found!"

    def test_a_full_organization_leaves_it_waiting(
        self, ann: Somebody, bob: Somebody, acme: dict[str, Any], configure: Configure
    ) -> None:
        configure(ORGANIZATION={"MEMBERSHIP_LIMIT": 1})
        invitation = ann.invites(bob)
        body = {"invitationId": invitation["id"]}
        bob.refused(403, "ORGANIZATION_MEMBERSHIP_LIMIT_REACHED", "POST", "/accept-invitation", body)
        assert Invitation.objects.get().status == "pending"
        configure(ORGANIZATION={"MEMBERSHIP_LIMIT": 2})
        bob.ok("POST", "/accept-invitation", body)
        assert bob.session["activeOrganizationId"] == acme["id"]

    def test_a_full_team_leaves_it_waiting_too(
        self, ann: Somebody, bob: Somebody, acme: dict[str, Any], configure: Configure
    ) -> None:
        team = ann.ok("GET", "/list-teams")[0]["id"]
        invitation = ann.invites(bob, teamId=team)
        configure(ORGANIZATION={"TEAMS": {"MEMBER_LIMIT": 1}})
        body = {"invitationId": invitation["id"]}
        bob.refused(403, "TEAM_MEMBER_LIMIT_REACHED", "POST", "/accept-invitation", body)
        assert Invitation.objects.get().status == "pending"
        assert Member.objects.count() == 1

    def test_an_unverified_address_where_that_matters(
        self, ann: Somebody, bob: Somebody, acme: dict[str, Any], configure: Configure
    ) -> None:
        configure(ORGANIZATION={"REQUIRE_VERIFIED_EMAIL": True})
        invitation = ann.invites(bob)
        bob.refused(
            403, "EMAIL_VERIFICATION_REQUIRED_FOR_INVITATION", "GET", "/get-invitation", id=invitation["id"]
        )
        code = "EMAIL_VERIFICATION_REQUIRED_BEFORE_ACCEPTING_OR_REJECTING_INVITATION"
        for path in ("/accept-invitation", "/reject-invitation"):
            bob.refused(403, code, "POST", path, {"invitationId": invitation["id"]})
        verify(bob)
        bob.ok("POST", "/accept-invitation", {"invitationId": invitation["id"]})

    def test_an_inviter_who_has_gone(
        self, ann: Somebody, bob: Somebody, eve: Somebody, acme: dict[str, Any]
    ) -> None:
        ann.admits(eve, "admin")
        invitation = eve.invites(bob)
        eve.ok("POST", "/leave", {"organizationId": acme["id"]})
        code = "INVITER_IS_NO_LONGER_A_MEMBER_OF_THE_ORGANIZATION"
        bob.refused(400, code, "GET", "/get-invitation", id=invitation["id"])
        bob.refused(400, code, "POST", "/accept-invitation", {"invitationId": invitation["id"]})
        assert bob.ok("GET", "/list") == []

    def test_nobody_is_told_in_the_protocols_words(self, db: None) -> None:
        nobody = ApiClient()
        told = nobody.api("GET", "/organization/get-invitation?id=x")
        assert (told.status_code, told.json()) == (401, {"message": "Not authenticated"})
        told = nobody.api("GET", "/organization/list-user-invitations")
        message = "Missing session headers, or email query parameter."
        assert (told.status_code, told.json()) == (400, {"message": message})
        told = nobody.api("POST", "/organization/update", {"data": {}})
        assert (told.status_code, told.json()) == (401, {"message": "User not found"})
