"""Organizations of a Better Auth server: their people find themselves in them, under the same ids."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.db import connection

from better_auth import users
from better_auth.conf import auth_settings
from better_auth.models import Session
from migration_tools.models import BroughtRow
from organizations.models import Invitation, Member, Organization, OrganizationRole, Team, TeamMember
from tests.conftest import ApiClient
from tests.migration_tools.conftest import Migrate
from tests.migration_tools.original import Original, at
from tests.protocol import SESSION_TOKEN

pytestmark = pytest.mark.django_db


def signed_in(token: str) -> ApiClient:
    """A browser with the cookie that the old server set."""
    mac = hmac.new(auth_settings.secret.encode(), token.encode(), hashlib.sha256).digest()
    browser = ApiClient()
    browser.cookies[SESSION_TOKEN] = quote(f"{token}.{base64.b64encode(mac).decode()}", safe="")
    return browser


def rows_here() -> dict[str, list[str]]:
    models: tuple[Any, ...] = (Organization, Member, Invitation, Team, TeamMember, OrganizationRole)
    return {one.__name__: sorted(one.objects.values_list("pk", flat=True)) for one in models}


ALL = {
    "Organization": ["org-1"],
    "Member": ["member-1", "member-2"],
    "Invitation": ["invitation-1"],
    "Team": ["team-1"],
    "TeamMember": ["tm-1"],
    "OrganizationRole": ["role-1"],
}
NOTHING: dict[str, list[str]] = {name: [] for name in ALL}


def test_who_was_in_an_organization_there_is_in_it_here(original: Original, migrate: Migrate) -> None:
    dry = migrate(*original.told, "--dry-run")
    assert "2  memberships of organizations would come along" in dry.output
    assert rows_here() == NOTHING
    result = migrate(*original.told)
    assert result.code == 0, result.output
    assert "2  memberships of organizations came along" in result.output
    assert rows_here() == ALL
    response = signed_in("ann-token").api("GET", "/organization/get-full-organization")
    assert response.status_code == 200, response.content
    full = response.json()
    assert (full["id"], full["slug"], full["metadata"]) == ("org-1", "acme", '{"plan":"pro"}')
    assert {(one["id"], one["userId"], one["role"]) for one in full["members"]} == {
        ("member-1", "ann", "owner"),
        ("member-2", "bob", "admin,auditor"),
    }
    (invitation,) = full["invitations"]
    told = [invitation[name] for name in ("id", "email", "role", "status", "inviterId")]
    assert told == ["invitation-1", "dan@example.org", "member", "pending", "bob"]
    assert [one["name"] for one in full["teams"]] == ["Builders"]
    assert Session.objects.get().active_team_id == "team-1"


def test_what_was_brought_is_not_brought_again_and_new_members_come(
    original: Original, migrate: Migrate
) -> None:
    migrate(*original.told)
    Member.objects.get(pk="member-2").delete()
    original.join("member-9", "org-1", "cleo")
    assert "1  memberships of organizations came along" in migrate(*original.told, "--resume").output
    again = migrate(*original.told, "--resume")
    assert again.code == 0, again.output
    assert "memberships" not in again.output
    assert rows_here()["Member"] == ["member-1", "member-9"]
    assert rows_here()["Organization"] == ["org-1"]


def test_an_organization_that_was_deleted_here_does_not_come_back(
    original: Original, migrate: Migrate
) -> None:
    migrate(*original.told)
    Organization.objects.all().delete()
    original.join("member-9", "org-1", "cleo")
    assert migrate(*original.told, "--resume").code == 0
    assert rows_here() == NOTHING


def test_a_rollback_takes_away_what_the_run_made(original: Original, migrate: Migrate) -> None:
    migrate(*original.told)
    original.join("member-9", "org-1", "cleo")
    migrate(*original.told, "--resume")
    result = migrate("--rollback")
    assert result.code == 0, result.output
    assert rows_here() == ALL
    result = migrate("--rollback")
    assert result.code == 0, result.output
    assert "3 users deleted" in result.output
    assert rows_here() == NOTHING
    assert not BroughtRow.objects.exists()
    assert migrate(*original.told).code == 0
    assert rows_here()["Member"] == ["member-1", "member-2", "member-9"]


def test_a_rollback_keeps_and_names_what_people_did_since(original: Original, migrate: Migrate) -> None:
    migrate(*original.told)
    here = users.create(email="new@example.org", name="Came here")
    Member.objects.create(organization_id="org-1", user_id=here.key, role="member")
    Member.objects.filter(pk="member-1").update(role="admin")
    result = migrate("--rollback")
    assert result.code != 0
    assert "ann: organizations.member" in result.output
    assert "org-1: organizations.member" in result.output
    assert users.find_by_email("ann@example.org") is not None
    assert users.find_by_email("bob@example.org") is None
    assert Member.objects.filter(organization_id="org-1").count() == 2
    assert result.report["kept_organizations"] == {"org-1": ["organizations.member"]}


@pytest.mark.parametrize("change", ["name", "team"])
def test_an_organization_that_was_changed_here_outlives_the_rollback(
    change: str, original: Original, migrate: Migrate
) -> None:
    migrate(*original.told)
    if change == "name":
        Organization.objects.update(name="Renamed here")
    else:
        Team.objects.create(name="Made here", organization_id="org-1")
    result = migrate("--rollback")
    assert "org-1: " + ("changed" if change == "name" else "organizations.team") in result.output
    assert rows_here()["Organization"] == ["org-1"]
    assert rows_here()["Member"] == []


def test_a_link_that_is_undone_leaves_no_membership_behind(original: Original, migrate: Migrate) -> None:
    here = users.create(email="ann@example.org", name="Was here", email_verified=True)
    result = migrate(*original.told, "--on-conflict", "link")
    assert result.code == 0, result.output
    assert Member.objects.get(pk="member-1").user_id == here.key
    result = migrate("--rollback")
    assert result.code == 0, result.output
    assert rows_here() == NOTHING
    assert users.find_by_email("ann@example.org") is not None


def test_nobody_gets_into_an_organization_that_only_has_the_same_id(
    original: Original, migrate: Migrate
) -> None:
    Organization.objects.create(id="org-1", name="Of others", slug="others")
    result = migrate(*original.told)
    assert result.code == 0, result.output
    assert rows_here() == {**NOTHING, "Organization": ["org-1"]}
    assert Session.objects.get().active_organization_id is None
    assert migrate("--rollback").code == 0
    assert Organization.objects.get().name == "Of others"


def test_a_slug_that_is_taken_here_is_told_apart(original: Original, migrate: Migrate) -> None:
    Organization.objects.create(name="Of others", slug="acme")
    assert migrate(*original.told).code == 0
    assert Organization.objects.get(pk="org-1").slug.startswith("acme-")
    assert rows_here()["Member"] == ["member-1", "member-2"]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE organization SET metadata = '[1'",
        "UPDATE organization SET slug = ''",
        "UPDATE invitation SET status = 'lost'",
        'UPDATE "organizationRole" SET permission = \'{"member": 1}\'',
    ],
)
def test_a_row_that_nobody_could_read_takes_no_user_with_it(
    damage: str, original: Original, migrate: Migrate
) -> None:
    original.run(damage)
    result = migrate(*original.told)
    assert result.code == 0, result.output
    assert "organization-row-unreadable" in result.output
    assert result.report["outcomes"]["created"] == 3


def test_a_server_without_the_plugin_comes_as_before(original: Original, migrate: Migrate) -> None:
    original.run("DROP TABLE organization", "DROP TABLE member")
    result = migrate(*original.told)
    assert (result.code, result.report["outcomes"]["created"]) == (0, 3)
    assert rows_here() == NOTHING
    assert Session.objects.get().active_organization_id is None


def test_where_the_app_is_not_installed_they_are_counted(
    original: Original, migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apps, "is_installed", lambda name: name != "organizations")
    result = migrate(*original.told)
    assert result.code == 0, result.output
    assert "2  memberships of organizations stay behind" in result.output
    assert rows_here() == NOTHING
    assert Session.objects.get().active_organization_id is None
    monkeypatch.undo()
    assert migrate(*original.told, "--resume").code == 0
    assert rows_here() == ALL


@pytest.mark.django_db(transaction=True)
def test_several_processes_bring_one_organization_once(
    original: Original, migrate: Migrate, configure: Callable[..., None]
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("several processes want PostgreSQL")
    for number in range(40):
        name = f"p{number:02}"
        row = {"id": name, "name": name, "email": f"{name}@example.org", "emailVerified": True}
        original.insert("user", **row, createdAt=at(-30), updatedAt=at(-30))
        original.join(f"m-{name}", "org-1", name)
    result = migrate(*original.told, "--jobs", "2", "--batch-size", "5")
    assert result.code == 0, result.output
    assert Member.objects.count() == 42
    assert Organization.objects.count() == 1
