"""Organizations: made, shown, changed, deleted, and which of them a session is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth.models import AuditEntry
from better_auth.signals import committed
from organizations.events import OrganizationCreated
from organizations.models import Organization
from tests.conftest import ApiClient
from tests.organizations.people import Somebody, somebody

pytestmark = pytest.mark.django_db


def only_bob(user: Any) -> bool:
    return bool(user.email == "bob@example.com")


class TestCreating:
    def test_metadata_is_an_object_here_and_text_elsewhere(self, ann: Somebody) -> None:
        given = {"plan": "gold", "seats": 3, "ü": [1.0, None]}
        created = ann.founds("acme", metadata=given)
        assert created["metadata"] == given
        assert ann.ok("GET", "/list")[0]["metadata"] == '{"plan":"gold","seats":3,"ü":[1,null]}'
        changed = ann.ok("POST", "/update", {"data": {"name": "Other"}})
        assert changed["metadata"] == given

    @pytest.mark.parametrize("depth", [101, 300, 900])
    def test_metadata_that_could_not_be_shown_again(self, ann: Somebody, depth: int) -> None:
        deep: Any = []
        for _ in range(depth):
            deep = [deep]
        acme = ann.founds("acme", metadata={"n": 2**62})
        for metadata in ({"deep": deep}, {"n": 1e30}):
            body = {"name": "A", "slug": "a", "metadata": metadata}
            ann.refused(400, "VALIDATION_ERROR", "POST", "/create", body)
            data = {"data": {"metadata": metadata}, "organizationId": acme["id"]}
            ann.refused(400, "VALIDATION_ERROR", "POST", "/update", data)
        assert [one["slug"] for one in ann.ok("GET", "/list")] == ["acme"]

    def test_without_metadata_the_key_is_absent_and_null_elsewhere(self, ann: Somebody) -> None:
        assert "metadata" not in ann.founds()
        assert ann.ok("GET", "/list")[0]["metadata"] is None

    def test_the_alias(self, ann: Somebody) -> None:
        response = ann.browser.api("POST", "/organization", {"name": "Acme", "slug": "alias"})
        assert response.status_code == 200
        assert response.json()["members"][0]["role"] == "owner"

    def test_a_slug_is_taken_as_it_is(self, ann: Somebody) -> None:
        assert ann.founds("Acme Slug!")["slug"] == "Acme Slug!"
        ann.ok("POST", "/check-slug", {"slug": "acme slug!"})
        ann.refused(400, "ORGANIZATION_SLUG_ALREADY_TAKEN", "POST", "/check-slug", {"slug": "Acme Slug!"})

    def test_nobody_gets_a_bare_401(self, db: None) -> None:
        response = ApiClient().api("POST", "/organization/create", {"name": "A", "slug": "a"})
        assert (response.status_code, response.content) == (401, b"")

    def test_it_can_be_switched_off(self, ann: Somebody, configure: Callable[..., None]) -> None:
        configure(ORGANIZATION={"ALLOW_CREATION": False})
        body = {"name": "A", "slug": "a"}
        ann.refused(403, "YOU_ARE_NOT_ALLOWED_TO_CREATE_A_NEW_ORGANIZATION", "POST", "/create", body)

    def test_the_host_may_choose_who(
        self, ann: Somebody, bob: Somebody, configure: Callable[..., None]
    ) -> None:
        configure(ORGANIZATION={"CREATION_CHECK": f"{only_bob.__module__}.only_bob"})
        body = {"name": "A", "slug": "a"}
        ann.refused(403, "YOU_ARE_NOT_ALLOWED_TO_CREATE_A_NEW_ORGANIZATION", "POST", "/create", body)
        bob.founds()

    def test_a_user_has_so_many(self, ann: Somebody, configure: Callable[..., None]) -> None:
        configure(ORGANIZATION={"LIMIT": 2})
        ann.founds("one")
        ann.founds("two")
        code = "YOU_HAVE_REACHED_THE_MAXIMUM_NUMBER_OF_ORGANIZATIONS"
        ann.refused(403, code, "POST", "/create", {"name": "A", "slug": "three"})

    def test_it_is_recorded_and_announced(self, ann: Somebody, commits: None) -> None:
        heard: list[Any] = []

        def hear(*, event: Any, **kwargs: Any) -> None:
            heard.append(event)

        committed.connect(hear, sender=OrganizationCreated)
        try:
            created = ann.founds()
        finally:
            committed.disconnect(hear, sender=OrganizationCreated)
        assert [(one.subject_id, one.details["organization"]) for one in heard] == [
            (ann.user["id"], created["id"])
        ]
        entry = AuditEntry.objects.get(event_type="organization_created")
        assert (entry.subject_id, entry.details) == (ann.user["id"], {"organization": created["id"]})


class TestTheSession:
    def test_it_is_in_the_new_organization_and_its_team(self, ann: Somebody) -> None:
        assert ann.session["activeOrganizationId"] is None
        created = ann.founds()
        assert ann.session["activeOrganizationId"] == created["id"]
        assert ann.session["activeTeamId"] == ann.ok("GET", "/list-teams")[0]["id"]

    def test_without_teams_it_is_in_none(self, ann: Somebody, configure: Callable[..., None]) -> None:
        configure(ORGANIZATION={"TEAMS": {"ENABLED": False}})
        ann.founds()
        assert ann.session["activeTeamId"] is None
        assert "teams" not in ann.ok("GET", "/get-full-organization")
        ann.refused(404, None, "GET", "/list-teams")
        ann.refused(404, None, "POST", "/create-team", {})

    def test_a_copy_in_a_cookie_does_not_outlive_a_switch(
        self, ann: Somebody, configure: Callable[..., None], commits: None
    ) -> None:
        configure(SESSION={"COOKIE_CACHE": {"ENABLED": True}})
        assert ann.session["activeOrganizationId"] is None
        assert "better-auth.session_data" in ann.browser.cookies
        created = ann.founds()
        assert ann.session["activeOrganizationId"] == created["id"]

    def test_set_active_hands_the_cookie_out_again(self, ann: Somebody, acme: dict[str, Any]) -> None:
        none = ann.call("POST", "/set-active", {"organizationId": None})
        assert (none.content, "better-auth.session_token" in none.cookies) == (b"null", True)
        again = ann.call("POST", "/set-active", {"organizationId": None})
        assert (again.content, dict(again.cookies)) == (b"null", {})
        assert ann.ok("POST", "/set-active", {}) is None
        assert ann.ok("POST", "/set-active", {"organizationSlug": "acme"})["id"] == acme["id"]
        assert ann.ok("POST", "/set-active", {})["id"] == acme["id"]

    def test_a_client_can_not_write_it(self, ann: Somebody, acme: dict[str, Any]) -> None:
        response = ann.browser.api("POST", "/update-session", {"activeOrganizationId": "other"})
        assert (response.status_code, response.json()["code"]) == (400, "FIELD_NOT_ALLOWED")

    def test_deleting_leaves_it_in_none(self, ann: Somebody, acme: dict[str, Any]) -> None:
        assert ann.ok("POST", "/delete", {"organizationId": acme["id"]})["slug"] == "acme"
        assert ann.session["activeOrganizationId"] is None
        assert not Organization.objects.exists()

    def test_deletion_can_be_switched_off(
        self, ann: Somebody, acme: dict[str, Any], configure: Callable[..., None]
    ) -> None:
        configure(ORGANIZATION={"DISABLE_DELETION": True})
        body = {"organizationId": acme["id"]}
        ann.refused(404, "ORGANIZATION_DELETION_DISABLED", "POST", "/delete", body)


class TestOutsiders:
    """Somebody else's organization, by id and by slug: refused in the protocol's words, and remembered."""

    @pytest.mark.parametrize(
        ("status", "code", "method", "path", "by_slug"),
        [
            (403, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION", "GET", "/get-organization", False),
            (403, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION", "GET", "/get-full-organization", True),
            (403, "YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION", "GET", "/list-members", False),
            (403, "YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION", "GET", "/list-members", True),
            (403, "YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION", "GET", "/get-active-member-role", False),
            (403, "YOU_ARE_NOT_ALLOWED_TO_ACCESS_THIS_ORGANIZATION", "GET", "/list-teams", False),
            (403, "YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION", "GET", "/list-user-teams", False),
            (403, None, "GET", "/list-invitations", False),
        ],
    )
    def test_reading(
        self, eve: Somebody, acme: dict[str, Any], status: int, code: str | None, method: str, path: str,
        by_slug: bool,
    ) -> None:  # fmt: skip
        named = {"organizationSlug": "acme"} if by_slug else {"organizationId": acme["id"]}
        eve.refused(status, code, method, path, **named)
        entry = AuditEntry.objects.get(event_type="organization_access_denied")
        assert (entry.subject_id, entry.success) == (eve.user["id"], False)
        assert entry.details["asked"] == named

    @pytest.mark.parametrize(
        ("status", "code", "path", "body"),
        [
            (400, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION", "/update", {"data": {"name": "Mine"}}),
            (400, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION", "/delete", {}),
            (403, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION", "/set-active", {}),
            (401, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION", "/has-permission", {"permissions": {}}),
            (400, "MEMBER_NOT_FOUND", "/invite-member", {"email": "a@example.com", "role": "member"}),
            (400, "MEMBER_NOT_FOUND", "/leave", {}),
            (400, "MEMBER_NOT_FOUND", "/remove-member", {"memberIdOrEmail": "ann@example.com"}),
            (400, "MEMBER_NOT_FOUND", "/update-member-role", {"memberId": "x", "role": "member"}),
            (403, "YOU_ARE_NOT_ALLOWED_TO_INVITE_USERS_TO_THIS_ORGANIZATION", "/create-team", {"name": "T"}),
            (403, "YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_TEAM", "/remove-team", {"teamId": "x"}),
            (
                400,
                "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION",
                "/add-team-member",
                {"teamId": "x", "userId": "y"},
            ),
        ],
    )  # fmt: skip
    def test_writing(
        self, eve: Somebody, acme: dict[str, Any], status: int, code: str, path: str, body: dict[str, Any]
    ) -> None:
        body = {**body, "organizationId": acme["id"]}
        if path == "/update":
            body["organizationId"] = acme["id"]
        eve.refused(status, code, "POST", path, body)
        entry = AuditEntry.objects.get(event_type="organization_access_denied")
        assert (entry.subject_id, entry.details["code"]) == (eve.user["id"], code)
        assert Organization.objects.get().name == "Acme"

    def test_a_look_at_another_one_ends_the_stay_in_ones_own(
        self, eve: Somebody, acme: dict[str, Any]
    ) -> None:
        eve.founds()
        eve.call("POST", "/set-active", {"organizationId": acme["id"]})
        assert eve.session["activeOrganizationId"] is None

    def test_to_enter_one_that_there_is_not_is_refused_like_one_of_others(
        self, ann: Somebody, acme: dict[str, Any]
    ) -> None:
        """Asked of the original: an id is nobody's to guess, a slug can be asked for anyway."""
        unknown = {"organizationSlug": "no-such"}
        ann.refused(400, "ORGANIZATION_NOT_FOUND", "POST", "/set-active", unknown)
        assert ann.session["activeOrganizationId"] == acme["id"]
        unknown = {"organizationId": "no-such"}
        ann.refused(403, "USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION", "POST", "/set-active", unknown)
        assert ann.session["activeOrganizationId"] is None

    def test_what_there_is_not_is_not_found(self, ann: Somebody, acme: dict[str, Any]) -> None:
        for query in ({"organizationId": "no-such"}, {"organizationSlug": "no-such"}):
            ann.refused(400, "ORGANIZATION_NOT_FOUND", "GET", "/get-full-organization", **query)
        assert not AuditEntry.objects.filter(event_type="organization_access_denied").exists()


class TestBadInput:
    @pytest.mark.parametrize(
        "body",
        [
            {"name": "x" * 1_000_000, "slug": "a"},
            {"name": "A", "slug": "x" * 1_000_000},
            {"name": "A\nBcc: x", "slug": "a"},
            {"name": "A", "slug": "a\x00"},
            {"name": 1, "slug": "a"},
            {"name": "A", "slug": "a", "logo": 7},
            {"name": "A", "slug": "a", "metadata": "text"},
            {"name": "A", "slug": "a", "metadata": ["a list"]},
            {"name": "A", "slug": "a", "metadata": None},
            {"name": "A", "slug": "a", "metadata": {"long": "x" * 100_000}},
            {"name": "A", "slug": "a", "keepCurrentActiveOrganization": "yes"},
            {"slug": "a"},
            [],
        ],
    )
    def test_creating(self, ann: Somebody, body: Any) -> None:
        ann.refused(400, "VALIDATION_ERROR", "POST", "/create", body)
        assert not Organization.objects.exists()

    def test_a_body_of_megabytes(self, ann: Somebody) -> None:
        ann.refused(413, "PAYLOAD_TOO_LARGE", "POST", "/create", {"name": "x" * 3_000_000, "slug": "a"})

    @pytest.mark.parametrize(
        "data", [None, "x", {"name": ""}, {"slug": ""}, {"metadata": None}, {"metadata": 1}]
    )
    def test_updating(self, ann: Somebody, acme: dict[str, Any], data: Any) -> None:
        ann.refused(400, "VALIDATION_ERROR", "POST", "/update", {"data": data})

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"permissions": {}, "permission": {}},
            {"permissions": {"member": "create"}},
            {"permissions": {"member": [1]}},
            {"permissions": "member"},
        ],
    )
    def test_asking_for_permissions(self, ann: Somebody, acme: dict[str, Any], body: Any) -> None:
        ann.refused(400, "VALIDATION_ERROR", "POST", "/has-permission", body)

    @pytest.mark.parametrize(
        "query",
        [
            {"limit": "many"},
            {"limit": "-1"},
            {"sortDirection": "up"},
            {"filterOperator": "like"},
            {"filterField": "user__password", "filterValue": "a"},
            {"sortBy": "user__password"},
            {"filterField": "createdAt", "filterValue": "yesterday"},
            {"filterField": "createdAt", "filterValue": "2026", "filterOperator": "contains"},
            {"filterField": "createdAt", "filterValue": "9999-12-31T23:59:59-14:00"},
            {"filterField": "createdAt", "filterValue": "0001-01-01T00:00:00+14:00"},
            {"filterField": "role", "filterValue": ",".join("x" * 200), "filterOperator": "in"},
            {"filterField": "role", "filterValue": ["owner", "admin"]},
        ],
    )
    def test_listing_members(self, ann: Somebody, acme: dict[str, Any], query: dict[str, Any]) -> None:
        ann.refused(400, "VALIDATION_ERROR", "GET", "/list-members", **query)

    def test_unknown_paths_and_methods(self, ann: Somebody) -> None:
        for method, path in (
            ("GET", "/create"),
            ("POST", "/add-member"),
            ("POST", "/list"),
            ("GET", "/nothing"),
        ):
            ann.refused(404, None, method, path)


def test_updating_needs_the_right(ann: Somebody, bob: Somebody, acme: dict[str, Any]) -> None:
    ann.admits(bob)
    code = "YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_ORGANIZATION"
    bob.refused(403, code, "POST", "/update", {"data": {"name": "Mine"}})
    assert ann.ok("POST", "/update", {"data": {}})["name"] == "Acme"
    assert ann.ok("POST", "/update", {"data": {"slug": "acme", "logo": None}})["slug"] == "acme"
    somebody("zoe").founds("taken")
    ann.refused(400, "ORGANIZATION_SLUG_ALREADY_TAKEN", "POST", "/update", {"data": {"slug": "taken"}})


def test_roles_of_the_host_grant_what_the_host_says(
    ann: Somebody, bob: Somebody, configure: Callable[..., None]
) -> None:
    configure(
        ORGANIZATION={
            "STATEMENTS": {"project": ["create", "delete"]},
            "ROLES": {"owner": {"project": ["create", "delete"]}, "editor": {"project": ["create"]}},
        }
    )
    ann.founds()
    ann.admits(bob, ["member", "editor"])

    def may(who: Somebody, permissions: Any) -> bool:
        return bool(who.ok("POST", "/has-permission", {"permissions": permissions})["success"])

    assert may(ann, {"project": ["delete"], "organization": ["delete"]})
    assert may(bob, {"project": ["create"]})
    assert may(bob, {"ac": ["read"]})
    assert not may(bob, {"project": ["create"], "ac": ["read"]})  # no single role grants both
    assert not may(bob, {"project": ["create", "delete"]})
    assert not may(ann, {"project": []})
    assert not may(ann, {"ships": ["sail"]})
    assert not may(ann, {})
    old_word = ann.ok("POST", "/has-permission", {"permission": {"organization": ["update"]}})
    assert old_word == {"error": None, "success": False}
