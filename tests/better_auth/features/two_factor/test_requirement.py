"""Roles and organizations whose people must have a second factor: led to enrol, and let at nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import RequestFactory
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from better_auth import users
from better_auth.drf import BetterAuthentication
from better_auth.errors import Forbidden
from better_auth.storage.records import UserRecord
from better_auth.websocket.closing import Refused
from better_auth.websocket.handshake import Shown
from better_auth.websocket.pipeline import identify
from better_auth.zero_trust.gate import ensure_trusted
from better_auth.zero_trust.policies import Policy
from tests.better_auth.features.two_factor.conftest import Person
from tests.conftest import ORIGIN, PASSWORD, ApiClient
from tests.protocol import answered

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
REFUSED = (403, {"code": "TWO_FACTOR_REQUIRED", "message": "Set up a second factor to go on"})


@pytest.fixture
def clerk(ann: Person, configure: Configure) -> Person:
    """Whose role must have one."""
    configure(TWO_FACTOR={"REQUIRED_ROLES": ["clerk"]})
    users.update(ann.user, role="user,clerk")
    return ann


def test_nothing_but_the_way_there_is_open(clerk: Person) -> None:
    browser = clerk.browser
    assert browser.session()["user"]["id"] == clerk.user.id
    for method, path, body in (
        ("GET", "/list-sessions", None),
        ("POST", "/update-user", {"name": "x"}),
        ("GET", "/token", None),
        ("POST", "/token", {}),
        ("GET", "/admin/list-users", None),
        ("POST", "/organization/create", {"name": "x", "slug": "x"}),
        ("POST", "/api-key/create", {}),
        ("POST", "/change-password", {"newPassword": "x" * 9, "currentPassword": PASSWORD}),
    ):
        assert answered(browser.api(method, path, body)) == REFUSED, path
    assert browser.api("POST", "/verify-password", {"password": PASSWORD}).status_code == 200
    clerk.enable()
    assert clerk.post("verify-totp", code=clerk.code()).status_code == 200
    assert browser.api("GET", "/list-sessions").status_code == 200
    assert browser.api("POST", "/sign-out", {}).status_code == 200


def test_no_token_speaks_for_them_before(clerk: Person, configure: Configure) -> None:
    configure(FEATURES=["bearer", "jwt", "two_factor"])
    assert "set-auth-jwt" not in clerk.browser.api("GET", "/get-session").headers
    body = {"email": clerk.user.email, "password": PASSWORD}
    assert answered(clerk.new_browser().api("POST", "/token", body)) == REFUSED
    users.update(clerk.user, role="user")
    assert "set-auth-jwt" in clerk.browser.api("GET", "/get-session").headers


def test_the_hosts_doors_are_closed_too(clerk: Person) -> None:
    cookies = {name: morsel.value for name, morsel in clerk.browser.cookies.items()}
    request = RequestFactory().get("/")
    request.COOKIES = cookies
    request.META["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    with pytest.raises(PermissionDenied) as refusal:
        BetterAuthentication().authenticate(Request(request))
    assert refusal.value.detail["code"] == "TWO_FACTOR_REQUIRED"  # type: ignore[index, call-overload]
    with pytest.raises(Forbidden) as denied:
        ensure_trusted(request, Policy(), None)
    assert denied.value.code is not None
    assert denied.value.code.name == "TWO_FACTOR_REQUIRED"
    shown = Shown({"cookie": request.META["HTTP_COOKIE"]}, "127.0.0.1", "", ORIGIN, "/ws/auth/")
    with pytest.raises(Refused) as refused:
        identify(shown)
    assert refused.value.code == "TWO_FACTOR_REQUIRED"


def test_others_are_not_asked(
    clerk: Person, make_user: Callable[..., UserRecord], new_browser: Callable[..., ApiClient]
) -> None:
    make_user("bob@example.com")
    bob = new_browser()
    bob.sign_in("bob@example.com")
    assert bob.api("GET", "/list-sessions").status_code == 200
    root = new_browser()
    users.update(make_user("root@example.com"), role="admin")
    root.sign_in("root@example.com")
    assert root.api("POST", "/admin/impersonate-user", {"userId": clerk.user.id}).status_code == 200
    assert root.api("GET", "/list-sessions").status_code == 200  # they have shown theirs, or need none


def test_an_organization_may_ask_for_it_and_take_it_back(ann: Person, configure: Configure) -> None:
    configure(TWO_FACTOR={"REQUIRED_BY": ["organizations.second_factors.is_required"]})
    browser = ann.browser
    made = browser.api("POST", "/organization/create", {"name": "Acme", "slug": "acme"}).json()
    assert browser.api("GET", "/list-sessions").status_code == 200

    def ask(value: Any) -> Any:
        body = {"organizationId": made["id"], "data": {"metadata": {"requireTwoFactor": value}}}
        return browser.api("POST", "/organization/update", body)

    assert ask("yes").status_code == 200
    assert browser.api("GET", "/list-sessions").status_code == 200
    assert ask(True).status_code == 200
    assert answered(browser.api("GET", "/list-sessions")) == REFUSED
    assert answered(ask(False)) == REFUSED
    ann.enable()
    ann.post("verify-totp", code=ann.code())
    assert ask(False).status_code == 200
    ann.post("disable", password=PASSWORD)
    assert browser.api("GET", "/list-sessions").status_code == 200
