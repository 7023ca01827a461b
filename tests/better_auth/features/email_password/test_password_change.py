"""``/change-password`` and ``/verify-password`` (core.md, section 4); the first password for host code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth import accounts, passwords, users
from better_auth.errors import BadRequest, ErrorCode
from better_auth.events import Client
from better_auth.features.email_password.password_change import set_first_password
from better_auth.models import Session
from better_auth.storage.records import UserRecord
from tests import protocol
from tests.conftest import PASSWORD, ApiClient
from tests.protocol import answered, invalid, refusal, set_cookies

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
NEW_PASSWORD = "another long password"


@pytest.fixture
def ann(browser: ApiClient, make_user: Callable[..., UserRecord]) -> UserRecord:
    """Ann, signed in in ``browser``."""
    user = make_user()
    browser.sign_in()
    return user


@pytest.fixture
def social_ann(browser: ApiClient, ann: UserRecord) -> UserRecord:
    """Ann, signed in, who has no password any more."""
    passwords.set_password(ann, "!")
    return ann


def change(browser: ApiClient, **body: Any) -> Any:
    return browser.api(
        "POST", "/change-password", {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD, **body}
    )


@pytest.mark.usefixtures("ann")
def test_change_keeps_the_sessions(browser: ApiClient, new_browser: Callable[..., ApiClient]) -> None:
    elsewhere = new_browser()
    elsewhere.sign_in()
    before = browser.session()
    response = change(browser)
    assert answered(response) == (200, {"token": None, "user": before["user"]})
    assert set_cookies(response) == {}
    assert (browser.session(), elsewhere.session()["user"]) == (before, before["user"])
    assert browser.sign_in().status_code == 401
    assert browser.sign_in(password=NEW_PASSWORD).status_code == 200


@pytest.mark.usefixtures("ann")
def test_change_can_end_all_other_sessions(browser: ApiClient, new_browser: Callable[..., ApiClient]) -> None:
    elsewhere = new_browser()
    elsewhere.sign_in()
    before = browser.session()
    response = change(browser, revokeOtherSessions=True)
    token = response.json()["token"]
    assert answered(response) == (200, {"token": token, "user": before["user"]})
    assert token != before["session"]["token"]
    assert protocol.token_in_cookie(response) == token
    assert "; Max-Age=604800;" in set_cookies(response)[protocol.SESSION_TOKEN]
    assert browser.session()["session"]["token"] == token
    assert (elsewhere.session(), Session.objects.count()) == (None, 1)


def test_new_session_is_not_remembered_where_the_old_was_not(
    browser: ApiClient, make_user: Callable[..., UserRecord]
) -> None:
    make_user()
    browser.sign_in(rememberMe=False)
    cookies = set_cookies(change(browser, revokeOtherSessions=True))
    assert set(cookies) == {protocol.SESSION_TOKEN, protocol.DONT_REMEMBER}
    assert not any("Max-Age" in header for header in cookies.values())
    row = Session.objects.get()
    assert (row.expires_at - row.created_at).total_seconds() == 604800


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"newPassword": "short", "currentPassword": "x" * 129}, refusal("PASSWORD_TOO_SHORT")),
        ({"newPassword": "x" * 129, "currentPassword": "x" * 129}, refusal("PASSWORD_TOO_LONG")),
        ({"currentPassword": "x" * 129}, refusal("PASSWORD_TOO_LONG")),
        ({"currentPassword": "wrong password"}, refusal("INVALID_PASSWORD")),
        ({"currentPassword": ""}, refusal("INVALID_PASSWORD")),
        (
            {"newPassword": None, "currentPassword": 5, "revokeOtherSessions": "yes"},
            invalid(
                "[body.newPassword] Invalid input: expected string, received null",
                "[body.currentPassword] Invalid input: expected string, received number",
                "[body.revokeOtherSessions] Invalid input: expected boolean, received string",
            ),
        ),
    ],
)
def test_refusals_come_in_order(browser: ApiClient, body: dict[str, Any], expected: dict[str, str]) -> None:
    assert answered(change(browser, **body)) == (400, expected)
    assert browser.sign_in().status_code == 200


@pytest.mark.usefixtures("ann")
def test_common_passwords_are_refused(browser: ApiClient, configure: Configure) -> None:
    configure(PASSWORD={"REFUSE_COMMON": True})
    assert answered(change(browser, newPassword="password123")) == (400, refusal("PASSWORD_COMPROMISED"))
    wrong = change(browser, newPassword="password123", currentPassword="wrong password")
    assert answered(wrong) == (400, refusal("INVALID_PASSWORD"))


@pytest.mark.usefixtures("social_ann")
def test_nobody_changes_a_password_that_is_not_there(browser: ApiClient) -> None:
    assert answered(change(browser)) == (400, refusal("CREDENTIAL_ACCOUNT_NOT_FOUND"))


def test_change_needs_a_session(browser: ApiClient) -> None:
    assert answered(change(browser)) == (401, refusal("UNAUTHORIZED"))


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"password": PASSWORD}, 200, {"status": True}),
        ({"password": "wrong password"}, 400, refusal("INVALID_PASSWORD")),
        ({"password": ""}, 400, refusal("INVALID_PASSWORD")),
        ({"password": "x" * 129}, 400, refusal("PASSWORD_TOO_LONG")),
        ({}, 400, invalid("[body.password] Invalid input: expected string, received undefined")),
    ],
)
def test_password_can_be_checked(
    browser: ApiClient, body: dict[str, str], status: int, expected: dict[str, Any]
) -> None:
    assert answered(browser.api("POST", "/verify-password", body)) == (status, expected)


@pytest.mark.usefixtures("social_ann")
def test_no_password_is_a_wrong_password(browser: ApiClient) -> None:
    response = browser.api("POST", "/verify-password", {"password": PASSWORD})
    assert answered(response) == (400, refusal("INVALID_PASSWORD"))


def test_check_needs_a_session(browser: ApiClient) -> None:
    response = browser.api("POST", "/verify-password", {"password": PASSWORD})
    assert answered(response) == (401, refusal("UNAUTHORIZED"))


def test_host_code_can_give_a_first_password(browser: ApiClient) -> None:
    ann = users.create(email="ann@example.com", name="Ann")
    assert browser.sign_in().status_code == 401
    set_first_password(ann, new_password=PASSWORD, client=Client())
    assert browser.sign_in().status_code == 200
    assert [account.provider_id for account in accounts.list_for(ann)] == ["credential"]
    with pytest.raises(BadRequest) as refused:
        set_first_password(ann, new_password=NEW_PASSWORD, client=Client())
    assert refused.value.code is ErrorCode.PASSWORD_ALREADY_SET
    assert browser.sign_in().status_code == 200


@pytest.mark.parametrize("path", ["/set-password", "/forget-password"])
def test_there_is_no_such_endpoint(browser: ApiClient, path: str) -> None:
    response = browser.api("POST", path, {"newPassword": NEW_PASSWORD, "email": "ann@example.com"})
    assert answered(response) == (404, None)
