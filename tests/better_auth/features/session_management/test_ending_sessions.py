"""The endpoints that list and end sessions, and sign-out (core.md, section 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth.models import Session
from better_auth.storage.records import UserRecord
from tests import protocol
from tests.conftest import ApiClient, FrozenTime
from tests.protocol import CLEARED, answered, invalid, refusal, set_cookies

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
NewBrowser = Callable[..., ApiClient]
DAY = 86400
OK = (200, {"status": True})
UNAUTHORIZED = (401, refusal("UNAUTHORIZED"))


@pytest.fixture
def ann(frozen_time: FrozenTime, make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


@pytest.fixture
def signed_in(browser: ApiClient, ann: UserRecord) -> ApiClient:
    """Ann's browser."""
    browser.sign_in()
    return browser


def get(browser: ApiClient, query: str = "") -> Any:
    return browser.api("GET", f"/get-session{query}")


def revoke(browser: ApiClient, token: Any) -> Any:
    return browser.api("POST", "/revoke-session", {"token": token})


def test_list_shows_handles_of_other_sessions(
    signed_in: ApiClient, new_browser: NewBrowser, make_user: Callable[..., UserRecord]
) -> None:
    elsewhere, bob = new_browser(), new_browser()
    elsewhere.sign_in()
    make_user("bob@example.com")
    bob.sign_in("bob@example.com")
    own, other = signed_in.session()["session"], elsewhere.session()["session"]
    response = signed_in.api("GET", "/list-sessions")
    listed = sorted(response.json(), key=lambda one: str(one["token"]) != own["token"])
    assert (response.status_code, len(listed)) == (200, 2)
    assert listed[0] == own
    handle = listed[1]["token"]
    assert listed[1] == {**other, "token": handle}
    assert handle.startswith("sid_")
    assert other["token"] not in response.content.decode()


def test_a_handle_opens_nothing(signed_in: ApiClient, new_browser: NewBrowser) -> None:
    new_browser().sign_in()
    own = signed_in.session()["session"]["token"]
    listed = signed_in.api("GET", "/list-sessions").json()
    handle = next(one["token"] for one in listed if one["token"] != own)
    thief = new_browser(headers={"authorization": f"Bearer {handle}"})
    assert thief.session() is None
    assert new_browser(headers={"authorization": f"Bearer {own}"}).session()["session"]["token"] == own


def test_list_leaves_out_what_has_expired(
    signed_in: ApiClient, new_browser: NewBrowser, frozen_time: FrozenTime, configure: Configure
) -> None:
    configure(SESSION={"FRESH_AGE": 0})
    new_browser().sign_in(rememberMe=False)
    frozen_time.advance(days=1)
    assert len(signed_in.api("GET", "/list-sessions").json()) == 1


def test_list_leaves_out_sessions_of_an_acting_administrator(
    signed_in: ApiClient, new_browser: NewBrowser
) -> None:
    new_browser().sign_in()
    newest = Session.objects.order_by("id").last()
    assert newest
    Session.objects.filter(pk=newest.pk).update(impersonated_by="an-admin")
    assert len(signed_in.api("GET", "/list-sessions").json()) == 1


@pytest.mark.parametrize("named_by", ["handle", "token"])
def test_another_session_can_be_revoked(signed_in: ApiClient, new_browser: NewBrowser, named_by: str) -> None:
    elsewhere = new_browser()
    token = elsewhere.sign_in().json()["token"]
    own = signed_in.session()
    listed = signed_in.api("GET", "/list-sessions").json()
    handle = next(one["token"] for one in listed if one["token"] != own["session"]["token"])
    response = revoke(signed_in, token if named_by == "token" else handle)
    assert (answered(response), set_cookies(response)) == (OK, {})
    assert (elsewhere.session(), signed_in.session()) == (None, own)
    assert answered(revoke(signed_in, handle)) == OK


@pytest.mark.parametrize("named_by", ["handle", "token"])
def test_revoking_ones_own_session_signs_out(signed_in: ApiClient, named_by: str) -> None:
    session = signed_in.session()["session"]
    response = revoke(signed_in, session["token"] if named_by == "token" else f"sid_{session['id']}")
    assert (answered(response), set_cookies(response)) == (OK, CLEARED)
    assert not Session.objects.exists()


def test_sessions_of_others_are_answered_alike_and_stay(
    signed_in: ApiClient, new_browser: NewBrowser, make_user: Callable[..., UserRecord]
) -> None:
    make_user("bob@example.com")
    bob = new_browser()
    bob.sign_in("bob@example.com")
    session = bob.session()["session"]
    for token in (session["token"], f"sid_{session['id']}", "unknown", "", "sid_", "x" * 5000):
        response = revoke(signed_in, token)
        assert (answered(response), set_cookies(response)) == (OK, {})
    assert bob.session()["session"] == session


def test_all_sessions_can_be_revoked(
    signed_in: ApiClient, new_browser: NewBrowser, make_user: Callable[..., UserRecord]
) -> None:
    make_user("bob@example.com")
    elsewhere, bob = new_browser(), new_browser()
    elsewhere.sign_in()
    bob.sign_in("bob@example.com")
    response = signed_in.api("POST", "/revoke-sessions", {})
    assert (answered(response), set_cookies(response)) == (OK, CLEARED)
    assert (signed_in.session(), elsewhere.session()) == (None, None)
    assert bob.session() is not None


def test_all_other_sessions_can_be_revoked(signed_in: ApiClient, new_browser: NewBrowser) -> None:
    elsewhere = new_browser()
    elsewhere.sign_in()
    before = signed_in.session()
    response = signed_in.api("POST", "/revoke-other-sessions")
    assert (answered(response), set_cookies(response)) == (OK, {})
    assert (signed_in.session(), elsewhere.session()) == (before, None)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "[body.token] Invalid input: expected string, received undefined"),
        ({"token": 5}, "[body.token] Invalid input: expected string, received number"),
        (None, "[body] Invalid input: expected object, received undefined"),
    ],
)
def test_revoking_needs_a_token(signed_in: ApiClient, body: Any, problem: str) -> None:
    assert answered(signed_in.api("POST", "/revoke-session", body)) == (400, invalid(problem))


def test_listing_needs_a_fresh_sign_in(
    signed_in: ApiClient, frozen_time: FrozenTime, configure: Configure
) -> None:
    frozen_time.advance(seconds=DAY - 1, milliseconds=999)
    assert signed_in.api("GET", "/list-sessions").status_code == 200
    frozen_time.advance(milliseconds=1)
    assert "Max-Age=604800" in set_cookies(get(signed_in))[protocol.SESSION_TOKEN]
    assert answered(signed_in.api("GET", "/list-sessions")) == (403, refusal("SESSION_NOT_FRESH"))
    configure(SESSION={"FRESH_AGE": 0})
    assert signed_in.api("GET", "/list-sessions").status_code == 200
    configure(SESSION={"FRESH_AGE": 10})
    assert signed_in.api("GET", "/list-sessions").status_code == 403
    signed_in.sign_in()
    assert signed_in.api("GET", "/list-sessions").status_code == 200


@pytest.mark.parametrize("body", [None, {}, {"callbackURL": "/bye", "disableRedirect": True, "state": "x"}])
def test_sign_out(signed_in: ApiClient, new_browser: NewBrowser, body: Any) -> None:
    elsewhere = new_browser()
    elsewhere.sign_in()
    response = signed_in.api("POST", "/sign-out", body)
    assert answered(response) == (200, {"success": True})
    assert (set_cookies(response), list(set_cookies(response))) == (CLEARED, list(CLEARED))
    assert elsewhere.session() is not None
    assert Session.objects.count() == 1


def test_sign_out_without_a_session_succeeds(browser: ApiClient) -> None:
    response = browser.api("POST", "/sign-out", {})
    assert (answered(response), set_cookies(response)) == ((200, {"success": True}), CLEARED)


def test_the_cookie_of_before_opens_nothing_after_sign_out(
    signed_in: ApiClient, new_browser: NewBrowser
) -> None:
    thief = new_browser()
    thief.cookies[protocol.SESSION_TOKEN] = signed_in.cookies[protocol.SESSION_TOKEN].value
    assert thief.session() is not None
    signed_in.api("POST", "/sign-out", {})
    assert answered(thief.api("GET", "/list-sessions")) == UNAUTHORIZED


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"null", "[body] Invalid input: expected object, received null"),
        ({"state": 5}, "[body.state] Invalid input: expected string, received number"),
        ({"disableRedirect": "x"}, "[body.disableRedirect] Invalid input: expected boolean, received string"),
    ],
)
def test_sign_out_with_a_bad_body_does_nothing(signed_in: ApiClient, body: Any, problem: str) -> None:
    response = signed_in.api("POST", "/sign-out", body, content_type="application/json")
    assert (answered(response), set_cookies(response)) == ((400, invalid(problem)), {})
    assert signed_in.session() is not None
