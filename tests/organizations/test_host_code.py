"""What the host's own views know of the organization that a caller is in."""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import unquote

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext

from better_auth.authentication.credentials import Credentials
from better_auth.authentication.pipeline import authenticate
from better_auth.errors import Forbidden
from better_auth.signals import recorded
from better_auth.storage.local_sessions import local
from organizations.current import membership_of
from organizations.events import OrganizationCreated
from organizations.models import Organization
from tests.conftest import ORIGIN
from tests.organizations.people import Somebody

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.organizations.host")]
NOWHERE = {"where": None, "teams": []}


@pytest.fixture(autouse=True)
def _middleware(settings: Any) -> None:
    own = "better_auth.middleware.BetterAuthMiddleware"
    at = settings.MIDDLEWARE.index(own) + 1
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[:at],
        "organizations.middleware.OrganizationMiddleware",
        *settings.MIDDLEWARE[at:],
    ]


def get(who: Somebody, path: str) -> Any:
    return who.browser.get(path)


def where(who: Somebody) -> Any:
    return get(who, "/where").json()


def test_a_view_knows_where_the_caller_is(ann: Somebody, bob: Somebody, acme: Any, client: Any) -> None:
    assert where(ann) == {"where": {"organization": "Acme", "role": "owner"}, "teams": ["Acme"]}
    assert where(bob) == NOWHERE
    assert client.get("/where").json() == NOWHERE
    ann.ok("POST", "/set-active", {"organizationId": None})
    assert where(ann) == NOWHERE


def test_nothing_of_another_organization_is_visible(ann: Somebody, eve: Somebody, acme: Any) -> None:
    eve.founds(name="Evil")
    assert where(eve) == {"where": {"organization": "Evil", "role": "owner"}, "teams": ["Evil"]}


def test_whoever_was_removed_is_nowhere_though_the_session_says_otherwise(
    ann: Somebody, bob: Somebody, acme: Any
) -> None:
    member = ann.admits(bob)
    assert where(bob)["where"] == {"organization": "Acme", "role": "member"}
    ann.ok("POST", "/remove-member", {"memberIdOrEmail": member["id"]})
    assert bob.session["activeOrganizationId"] == acme["id"]
    assert where(bob) == NOWHERE


@pytest.mark.django_db(transaction=True)
class TestTheCost:
    """Committed, so that what is read may be remembered."""

    def queries(self, who: Somebody, path: str) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert get(who, path).status_code == 200
        return [one["sql"] for one in captured.captured_queries if "better_auth_members" in one["sql"]]

    def test_one_query_and_then_none(self, ann: Somebody, acme: Any) -> None:
        local.clear()
        assert self.queries(ann, "/untouched") == []
        assert len(self.queries(ann, "/where")) == 1
        assert self.queries(ann, "/where") == []

    def test_changes_are_seen_at_once(self, ann: Somebody, bob: Somebody, acme: Any) -> None:
        member = ann.admits(bob)
        assert where(bob)["where"] == {"organization": "Acme", "role": "member"}
        ann.ok("POST", "/update-member-role", {"memberId": member["id"], "role": "admin"})
        assert where(bob)["where"] == {"organization": "Acme", "role": "admin"}
        ann.ok("POST", "/update", {"data": {"name": "Apex"}})
        assert where(bob)["where"] == {"organization": "Apex", "role": "admin"}
        ann.ok("POST", "/delete", {"organizationId": acme["id"]})
        assert where(bob) == NOWHERE

    def test_so_are_roles_that_the_organization_makes(
        self, ann: Somebody, bob: Somebody, acme: Any, configure: Callable[..., None]
    ) -> None:
        configure(ORGANIZATION={"DYNAMIC_ROLES": {"ENABLED": True}})
        ann.ok("POST", "/create-role", {"role": "maker", "permission": {"team": ["create"]}})
        ann.admits(bob, "maker")
        assert get(bob, "/teams").status_code == 200
        ann.ok("POST", "/update-role", {"roleName": "maker", "data": {"permission": {}}})
        assert get(bob, "/teams").status_code == 403

    def test_what_a_view_does_to_its_instances_is_its_own_affair(self, ann: Somebody, acme: Any) -> None:
        cookies = {name: unquote(morsel.value) for name, morsel in ann.browser.cookies.items()}
        principal = authenticate(Credentials(cookies=cookies))
        first = membership_of(principal)
        assert first is not None
        first.role = first.organization.name = "changed"
        again = membership_of(principal)
        assert again is not None
        assert (again.role, again.organization.name) == ("owner", "Acme")


class TestRestFramework:
    def test_the_role_decides(self, ann: Somebody, bob: Somebody, acme: Any, client: Any) -> None:
        ann.admits(bob)
        assert (get(ann, "/teams").status_code, get(ann, "/teams").json()) == (200, ["Acme"])
        refused = get(bob, "/teams")
        assert refused.status_code == 403
        assert refused.json() == {"detail": "You are not allowed to do this in your organization."}
        assert client.get("/teams").status_code == 401

    def test_it_joins_with_others(self, ann: Somebody, bob: Somebody, acme: Any) -> None:
        ann.admits(bob)
        assert [get(one, "/either").status_code for one in (ann, bob)] == [200, 200]
        assert [get(one, "/open").status_code for one in (ann, bob)] == [403, 200]

    def test_an_object_must_be_of_the_same_organization(
        self, ann: Somebody, eve: Somebody, acme: Any
    ) -> None:
        eve.founds()
        own, hers = (one.ok("GET", "/list-teams")[0]["id"] for one in (ann, eve))
        assert get(ann, f"/teams/{own}").status_code == 200
        assert get(ann, f"/teams/{hers}").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_async_views(ann: Somebody, acme: Any) -> None:
    async def ask(cookies: Any) -> Any:
        browser = AsyncClient(headers={"origin": ORIGIN})
        browser.cookies = cookies
        return (await browser.get("/where-async")).json()

    told = async_to_sync(ask)(ann.browser.cookies)
    assert told == {"organization": "Acme", "role": "owner", "may": True}
    told = async_to_sync(ask)(SimpleCookie())
    assert told == {"organization": None, "role": None, "may": False}


def test_a_receiver_of_the_hosts_may_refuse(ann: Somebody) -> None:
    def refuse(*, event: Any, **kwargs: Any) -> None:
        raise Forbidden(message="Not on a Sunday")

    recorded.connect(refuse, sender=OrganizationCreated)
    try:
        told = ann.refused(403, None, "POST", "/create", {"name": "A", "slug": "a"})
    finally:
        recorded.disconnect(refuse, sender=OrganizationCreated)
    assert told == {"message": "Not on a Sunday"}
    assert not Organization.objects.exists()
