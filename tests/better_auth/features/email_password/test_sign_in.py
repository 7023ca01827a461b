"""``POST /sign-in/email`` (core.md, section 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import get_user_model

from better_auth import accounts, users
from better_auth.hashing import slots
from better_auth.models import Account, Session
from better_auth.storage.records import UserRecord
from tests import protocol
from tests.conftest import PASSWORD, ApiClient
from tests.protocol import answered, invalid, link_in, path_of, refusal, set_cookies

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
MakeUser = Callable[..., UserRecord]


@pytest.fixture
def ann(make_user: MakeUser) -> UserRecord:
    return make_user()


@pytest.mark.usefixtures("ann")
def test_sign_in_answers_token_and_user(browser: ApiClient) -> None:
    response = browser.sign_in()
    body, session = response.json(), browser.session()
    assert (response.status_code, set(body)) == (200, {"redirect", "token", "user"})
    assert (body["redirect"], body["user"]) == (False, session["user"])
    assert body["token"] == session["session"]["token"] == protocol.token_in_cookie(response)
    assert "Location" not in response.headers
    assert set(set_cookies(response)) == {protocol.SESSION_TOKEN}
    assert response.headers["set-auth-token"].startswith(body["token"] + ".")
    assert response.headers["Access-Control-Expose-Headers"] == "set-auth-token"


@pytest.mark.usefixtures("ann")
def test_session_has_the_right_shape(browser: ApiClient) -> None:
    browser.sign_in()
    browser.defaults["HTTP_USER_AGENT"] = "Later/1.0"
    session = browser.session()["session"]
    assert set(session) == {
        "id",
        "token",
        "userId",
        "expiresAt",
        "createdAt",
        "updatedAt",
        "ipAddress",
        "userAgent",
        "impersonatedBy",
        "activeOrganizationId",
        "activeTeamId",
    }
    assert (session["ipAddress"], session["userAgent"], session["impersonatedBy"]) == ("127.0.0.1", "", None)
    assert all(protocol.ISO_DATE.fullmatch(session[name]) for name in ("expiresAt", "createdAt", "updatedAt"))


@pytest.mark.usefixtures("ann")
def test_session_remembers_the_browser_it_began_in(new_browser: Callable[..., ApiClient]) -> None:
    browser = new_browser(headers={"user-agent": "Firefox/1.0 " + "x" * 2000})
    browser.sign_in()
    agent = browser.session()["session"]["userAgent"]
    assert agent.startswith("Firefox/1.0 x")
    assert len(agent) == 1024


@pytest.mark.usefixtures("ann")
def test_features_that_are_off_show_no_fields(browser: ApiClient, configure: Configure) -> None:
    configure(FEATURES=())
    response = browser.sign_in()
    assert set(response.json()["user"]) == {
        "id",
        "name",
        "email",
        "emailVerified",
        "image",
        "createdAt",
        "updatedAt",
    }
    assert "impersonatedBy" not in browser.session()["session"]
    assert "set-auth-token" not in response.headers


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize(
    ("url", "redirects"), [("/welcome?a=1", True), ("http://testserver/x", True), ("", False)]
)
def test_callback_is_handed_back(browser: ApiClient, url: str, redirects: bool) -> None:
    response = browser.sign_in(callbackURL=url)
    assert (response.status_code, response.json()["redirect"], response.json()["url"]) == (
        200,
        redirects,
        url,
    )
    assert response.headers.get("Location") == (url or None)


@pytest.mark.usefixtures("ann")
def test_another_spelling_of_the_address_signs_in(browser: ApiClient) -> None:
    assert browser.sign_in("ANN@Example.com").json()["user"]["email"] == "ann@example.com"


@pytest.mark.usefixtures("ann")
def test_earlier_sessions_stay(new_browser: Callable[..., ApiClient]) -> None:
    first, second = new_browser(), new_browser()
    tokens = {one.sign_in().json()["token"] for one in (first, second)}
    assert {one.session()["session"]["token"] for one in (first, second)} == tokens
    assert len(tokens) == 2


@pytest.mark.usefixtures("ann")
def test_not_remembered_lasts_a_day_and_ends_with_the_browser(browser: ApiClient) -> None:
    cookies = set_cookies(browser.sign_in(rememberMe=False))
    assert list(cookies) == [protocol.SESSION_TOKEN, protocol.DONT_REMEMBER]
    assert not any("Max-Age" in header for header in cookies.values())
    row = Session.objects.get()
    assert (row.expires_at - row.created_at).total_seconds() == 86400


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ann@example.com", "wrong password"),
        ("ann@example.com", PASSWORD.upper()),
        ("ann@example.com", PASSWORD + " "),
        ("ann@example.com", ""),
        ("nobody@example.com", PASSWORD),
        ("social@example.com", PASSWORD),
        ("social@example.com", ""),
    ],
)
def test_whatever_is_wrong_is_answered_alike(
    browser: ApiClient, ann: UserRecord, email: str, password: str
) -> None:
    users.create(email="social@example.com", name="No password")
    with mock.patch.object(slots, "slot", wraps=slots.slot) as hashed:
        response = browser.sign_in(email, password)
    assert answered(response) == (401, refusal("INVALID_EMAIL_OR_PASSWORD"))
    assert (set_cookies(response), Session.objects.count(), hashed.call_count) == ({}, 0, 1)


@pytest.mark.parametrize(
    "email", ["nobody", "", " ann@example.com", "ann@example", "a@" * 500, "ann@example.com\n"]
)
def test_an_address_that_is_none_is_told(browser: ApiClient, email: str) -> None:
    assert answered(browser.sign_in(email)) == (400, refusal("INVALID_EMAIL"))


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        (
            {"email": 5, "password": {"$ne": None}, "rememberMe": "x", "callbackURL": None},
            [
                "[body.email] Invalid input: expected string, received number",
                "[body.password] Invalid input: expected string, received object",
                "[body.callbackURL] Invalid input: expected string, received null",
                "[body.rememberMe] Invalid input: expected boolean, received string",
            ],
        ),
        (
            {"email": ["a"], "password": True, "rememberMe": 0},
            [
                "[body.email] Invalid input: expected string, received array",
                "[body.password] Invalid input: expected string, received boolean",
                "[body.rememberMe] Invalid input: expected boolean, received number",
            ],
        ),
        ([], ["[body] Invalid input: expected object, received array"]),
        (b"null", ["[body] Invalid input: expected object, received null"]),
        (b"true", ["[body] Invalid input: expected object, received boolean"]),
    ],
)
def test_a_body_of_another_shape_is_refused(browser: ApiClient, body: Any, problems: list[str]) -> None:
    response = browser.api("POST", "/sign-in/email", body, content_type="application/json")
    assert answered(response) == (400, invalid(*problems))


def test_a_password_that_is_too_long_comes_before_the_search_for_the_user(browser: ApiClient) -> None:
    assert answered(browser.sign_in(password="x" * 129)) == (400, refusal("PASSWORD_TOO_LONG"))


@pytest.mark.usefixtures("ann")
def test_sign_in_by_password_can_be_switched_off(browser: ApiClient, configure: Configure) -> None:
    configure(EMAIL_PASSWORD={"ENABLED": False})
    assert answered(browser.sign_in()) == (400, refusal("EMAIL_PASSWORD_DISABLED"))


@pytest.mark.usefixtures("commits", "ann")
@pytest.mark.parametrize(("send_on_sign_in", "mailed"), [(False, 0), (True, 1)])
def test_unverified_people_wait_where_verification_is_required(
    browser: ApiClient,
    configure: Configure,
    mails: Callable[[], list[Any]],
    send_on_sign_in: bool,
    mailed: int,
) -> None:
    configure(
        EMAIL_PASSWORD={"REQUIRE_EMAIL_VERIFICATION": True},
        EMAIL_VERIFICATION={"SEND_ON_SIGN_IN": send_on_sign_in},
    )
    assert answered(browser.sign_in(callbackURL="/in")) == (403, refusal("EMAIL_NOT_VERIFIED"))
    assert answered(browser.sign_in(password="wrong password")) == (401, refusal("INVALID_EMAIL_OR_PASSWORD"))
    assert (Session.objects.count(), len(mails())) == (0, mailed)
    if mailed:
        link = link_in(mails()[0])
        assert link.endswith("&callbackURL=%2Fin")
        assert browser.api("GET", path_of(link)).status_code == 302
        assert browser.sign_in().status_code == 200


def test_verified_people_sign_in_where_verification_is_required(
    browser: ApiClient, make_user: MakeUser, configure: Configure
) -> None:
    make_user(email_verified=True)
    configure(EMAIL_PASSWORD={"REQUIRE_EMAIL_VERIFICATION": True})
    assert browser.sign_in().status_code == 200


@pytest.mark.usefixtures("ann")
def test_a_form_signs_in(browser: ApiClient) -> None:
    form = "email=ann%40example.com&password=correct+horse+battery"
    response = browser.api("POST", "/sign-in/email", form, content_type="application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["redirect"]) == (200, False)


def test_a_banned_user_is_told_and_gets_no_session(
    browser: ApiClient, make_user: MakeUser, configure: Configure
) -> None:
    make_user(banned=True)
    configure(USER={"BANNED_MESSAGE": "Go away."})
    assert answered(browser.sign_in()) == (403, {"message": "Go away.", "code": "BANNED_USER"})
    assert not Session.objects.exists()
    assert answered(browser.sign_in(password="wrong password")) == (401, refusal("INVALID_EMAIL_OR_PASSWORD"))


def test_a_ban_that_has_run_out_is_lifted(browser: ApiClient, make_user: MakeUser, frozen_time: Any) -> None:
    user = make_user(banned=True, ban_reason="spam", ban_expires=frozen_time.now)
    shown = browser.sign_in().json()["user"]
    assert (shown["banned"], shown["banReason"], shown["banExpires"]) == (False, None, None)
    assert users.get(user).banned is False


@pytest.mark.parametrize("columns", [{"is_active": False}, {"deleted_at": "now"}])
def test_a_user_who_is_switched_off_can_not_sign_in(
    browser: ApiClient, ann: UserRecord, frozen_time: Any, columns: dict[str, Any]
) -> None:
    columns = {name: frozen_time.now if value == "now" else value for name, value in columns.items()}
    get_user_model().objects.filter(pk=ann.key).update(**columns)
    response = browser.sign_in()
    assert (response.status_code, response.json()["code"]) == (403, "BANNED_USER")
    assert not Session.objects.exists()


def test_a_missing_credential_account_is_made(browser: ApiClient, ann: UserRecord) -> None:
    Account.objects.all().delete()
    assert browser.sign_in().status_code == 200
    assert [account.provider_id for account in accounts.list_for(ann)] == ["credential"]
