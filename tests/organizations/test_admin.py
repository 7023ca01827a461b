"""Organizations and invitations in the admin site: by the rules, and recorded with the operator as actor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from better_auth import users
from better_auth.models import AuditEntry
from better_auth.storage.records import has_user_row
from organizations.models import Invitation, Member, Organization
from tests.organizations.people import Somebody

pytestmark = pytest.mark.django_db


def enter(email: str, *permissions: str, **flags: bool) -> Client:
    user = users.create(email=email, name="Olga")
    rows = get_user_model()._default_manager.filter(pk=user.key)
    rows.update(is_staff=True, **flags)
    rows.get().user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(rows.get())
    return client


@pytest.fixture
def operator(db: None) -> Client:
    return enter("operator@example.com", is_superuser=True)


def page(kind: str, name: str, *args: Any) -> str:
    return reverse(f"admin:organizations_{kind}_{name}", args=args)


def actor() -> str:
    found = users.find_by_email("operator@example.com")
    assert found is not None
    return found.id


def form_of(acme: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What a browser would send if nothing but ``changes`` were typed."""
    row = Organization.objects.get(pk=acme["id"])
    sent: dict[str, Any] = {
        "name": row.name,
        "slug": row.slug,
        "logo": row.logo or "",
        "metadata": row.metadata or "",
        "members-TOTAL_FORMS": row.members.count(),
        "members-INITIAL_FORMS": row.members.count(),
    }
    for number, member in enumerate(row.members.order_by("created_at", "id")):
        sent |= {f"members-{number}-id": member.pk, f"members-{number}-organization": row.pk}
        sent[f"members-{number}-role"] = member.role
    return {**sent, **changes}


def save(operator: Client, acme: dict[str, Any], **changes: Any) -> Any:
    return operator.post(page("organization", "change", acme["id"]), form_of(acme, **changes), follow=True)


def act(client: Client, action: str, *keys: str) -> str:
    sent = {"action": action, "_selected_action": list(keys)}
    response = client.post(page("invitation", "changelist"), sent, follow=True)
    assert response.status_code == 200
    return str(response.content.decode())


class TestOrganizations:
    def test_the_list_and_the_page(self, operator: Client, ann: Somebody, bob: Somebody, acme: Any) -> None:
        ann.admits(bob)
        shown = operator.get(page("organization", "changelist") + "?q=acm").content.decode()
        assert "acme" in shown
        shown = operator.get(page("organization", "change", acme["id"])).content.decode()
        assert "ann@example.com" in shown
        assert "bob@example.com" in shown

    def test_a_change_is_recorded(self, operator: Client, acme: Any) -> None:
        save(operator, acme, name="Apex", metadata='{ "plan" : "gold" }')
        row = Organization.objects.get()
        assert (row.name, row.metadata) == ("Apex", '{"plan":"gold"}')
        entry = AuditEntry.objects.get(event_type="organization_updated")
        assert (entry.actor_id, entry.details["fields"]) == (actor(), ["metadata", "name"])

    @pytest.mark.parametrize("metadata", ["text", "[1]", "{", '{"a": NaN}'])
    def test_metadata_is_an_object(self, operator: Client, acme: Any, metadata: str) -> None:
        assert "Write a JSON object" in save(operator, acme, metadata=metadata).content.decode()
        assert Organization.objects.get().metadata is None

    def test_a_taken_slug(self, operator: Client, acme: Any, eve: Somebody) -> None:
        eve.founds("taken")
        assert save(operator, acme, slug="taken").status_code == 200
        assert Organization.objects.get(pk=acme["id"]).slug == "acme"

    def test_a_member_gets_another_role_and_goes(
        self, operator: Client, ann: Somebody, bob: Somebody, acme: Any
    ) -> None:
        member = ann.admits(bob)
        save(operator, acme, **{"members-1-role": "admin, member"})
        assert Member.objects.get(pk=member["id"]).role == "admin,member"
        entry = AuditEntry.objects.get(event_type="organization_member_role_changed")
        assert (entry.actor_id, entry.subject_id) == (actor(), bob.user["id"])
        save(operator, acme, **{"members-1-DELETE": "on"})
        assert not Member.objects.filter(pk=member["id"]).exists()
        entry = AuditEntry.objects.get(event_type="organization_member_removed")
        assert (entry.actor_id, entry.subject_id) == (actor(), bob.user["id"])

    def test_the_last_owner_stays(self, operator: Client, ann: Somebody, bob: Somebody, acme: Any) -> None:
        ann.admits(bob)
        for change in ({"members-0-role": "admin"}, {"members-0-DELETE": "on"}):
            shown = save(operator, acme, **change).content.decode()
            assert "The last owner can neither be removed nor step down." in shown
        assert Member.objects.filter(role="owner").count() == 1

    def test_an_unknown_role(self, operator: Client, acme: Any) -> None:
        shown = save(operator, acme, **{"members-0-role": "owner, emperor"}).content.decode()
        assert "There is no role emperor." in shown

    def test_deleting_is_recorded(self, operator: Client, ann: Somebody, acme: Any) -> None:
        ann.ok("POST", "/invite-member", {"email": "guest@example.com", "role": "member"})
        operator.post(page("organization", "delete", acme["id"]), {"post": "yes"})
        assert not Organization.objects.exists()
        assert AuditEntry.objects.get(event_type="organization_deleted").actor_id == actor()

    def test_a_large_one_is_shown_without_its_members(
        self, operator: Client, acme: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("organizations.admin.MOST_INLINE", 0)
        shown = operator.get(page("organization", "change", acme["id"])).content.decode()
        assert "ann@example.com" not in shown
        assert operator.post(page("organization", "change", acme["id"]), form_of(acme)).status_code == 302

    def test_a_page_costs_as_much_for_ten_members_as_for_one(self, operator: Client, acme: Any) -> None:
        def count() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert operator.get(page("organization", "change", acme["id"])).status_code == 200
            return len(captured)

        count()
        few = count()
        for number in range(9):
            user = users.create(email=f"m{number}@example.com", name="M")
            Member.objects.create(organization_id=acme["id"], user_id=user.key)
        assert count() == few


class TestInvitations:
    def test_one_is_mailed_again(
        self, operator: Client, ann: Somebody, bob: Somebody, acme: Any, mails: Callable[[], list[Any]],
        django_capture_on_commit_callbacks: Any,
    ) -> None:  # fmt: skip
        invitation = ann.invites(bob)
        before = Invitation.objects.get().expires_at
        with django_capture_on_commit_callbacks(execute=True):
            assert "Mailed 1 invitation." in act(operator, "resend", invitation["id"])
        assert invitation["id"] in mails()[0].body
        assert Invitation.objects.get().expires_at > before
        entry = AuditEntry.objects.filter(event_type="organization_invitation_sent").latest("id")
        assert (entry.actor_id, entry.details["resent"]) == (actor(), True)

    def test_one_is_canceled_and_then_neither_mailed_nor_canceled(
        self, operator: Client, ann: Somebody, bob: Somebody, acme: Any
    ) -> None:
        invitation = ann.invites(bob)
        assert "Canceled 1 invitation." in act(operator, "cancel", invitation["id"])
        assert AuditEntry.objects.get(event_type="organization_invitation_canceled").actor_id == actor()
        assert "Canceled 0 invitations." in act(operator, "cancel", invitation["id"])
        assert "Mailed 0 invitations." in act(operator, "resend", invitation["id"])
        assert bob.call("POST", "/accept-invitation", {"invitationId": invitation["id"]}).status_code == 400

    def test_a_mailbox_that_had_enough(
        self, operator: Client, ann: Somebody, bob: Somebody, acme: Any, configure: Callable[..., None]
    ) -> None:
        configure(RATE_LIMIT={"ENABLED": True, "MAILS": 1})
        invitation = ann.invites(bob)
        assert "Not mailed: 1 invitation" in act(operator, "resend", invitation["id"])

    def test_whoever_may_only_look_can_do_nothing(self, ann: Somebody, bob: Somebody, acme: Any) -> None:
        clerk = enter("clerk@example.com", "view_invitation")
        invitation = ann.invites(bob)
        assert "bob@example.com" in clerk.get(page("invitation", "changelist")).content.decode()
        act(clerk, "cancel", invitation["id"])
        assert Invitation.objects.get().status == "pending"
        assert clerk.get(page("organization", "changelist")).status_code == 403

    @pytest.mark.skipif(not has_user_row(), reason="the host deletes its users")
    def test_they_do_not_keep_a_user_from_being_deleted(
        self, operator: Client, ann: Somebody, bob: Somebody, acme: Any
    ) -> None:
        ann.invites(bob)
        url = reverse("admin:better_auth_user_delete", args=[ann.user["id"]])
        assert operator.post(url, {"post": "yes"}).status_code == 302
        assert not Invitation.objects.exists()
