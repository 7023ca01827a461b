"""``/delete-user`` and its mailed link (core.md, section 4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from better_auth import passwords, verifications
from better_auth.models import Account, Session, Verification
from better_auth.storage.records import UserRecord
from better_auth.verifications import Purpose
from tests.conftest import PASSWORD, ApiClient, FrozenTime
from tests.protocol import CLEARED, answered, invalid, link_in, path_of, query_of, refusal, set_cookies

pytestmark = pytest.mark.usefixtures("commits")
Configure = Callable[..., None]
Mails = Callable[[], list[Any]]
DELETED = (200, {"success": True, "message": "User deleted"})
MAILED = (200, {"success": True, "message": "Verification email sent"})


@pytest.fixture
def ann(browser: ApiClient, frozen_time: FrozenTime, make_user: Callable[..., UserRecord]) -> UserRecord:
    """Ann, signed in in ``browser``."""
    user = make_user()
    browser.sign_in()
    return user


@pytest.fixture
def with_link(configure: Configure) -> None:
    configure(USER={"DELETE_USER_VERIFICATION": True})


def delete(browser: ApiClient, **body: Any) -> Any:
    return browser.api("POST", "/delete-user", body)


def is_there(user: UserRecord) -> bool:
    return bool(get_user_model().objects.filter(pk=user.key).exists())


@pytest.mark.parametrize(
    "body", [{}, {"password": PASSWORD}, {"callbackURL": "/bye"}, {"password": "", "token": ""}]
)
def test_deletion_leaves_nothing(
    browser: ApiClient, new_browser: Callable[..., ApiClient], ann: UserRecord, body: dict[str, str]
) -> None:
    elsewhere = new_browser()
    elsewhere.sign_in()
    browser.api("POST", "/request-password-reset", {"email": "ann@example.com"})
    response = delete(browser, **body)
    assert (answered(response), set_cookies(response)) == (DELETED, CLEARED)
    rows = [model.objects.count() for model in (get_user_model(), Session, Account, Verification)]
    assert rows == [0, 0, 0, 0]
    assert elsewhere.session() is None
    assert browser.sign_in().status_code == 401
    assert browser.sign_up().status_code == 200


def test_others_stay(browser: ApiClient, ann: UserRecord, make_user: Callable[..., UserRecord]) -> None:
    bob = make_user("bob@example.com")
    assert answered(delete(browser)) == DELETED
    assert is_there(bob)
    assert browser.sign_in("bob@example.com").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"password": "wrong password"}, 400, refusal("INVALID_PASSWORD")),
        ({"password": "x" * 129}, 400, refusal("PASSWORD_TOO_LONG")),
        ({"password": "wrong password", "token": "x"}, 400, refusal("INVALID_PASSWORD")),
        ({"token": "x" * 32}, 404, refusal("INVALID_TOKEN")),
        ({"password": PASSWORD, "token": "x" * 32}, 404, refusal("INVALID_TOKEN")),
        ({"password": 5}, 400, invalid("[body.password] Invalid input: expected string, received number")),
        (
            {"callbackURL": "https://evil.example"},
            403,
            refusal("INVALID_CALLBACK_URL"),
        ),
    ],
)
def test_refusals_delete_nothing(
    browser: ApiClient, ann: UserRecord, body: dict[str, Any], status: int, expected: dict[str, str]
) -> None:
    response = delete(browser, **body)
    assert (answered(response), set_cookies(response)) == ((status, expected), {})
    assert is_there(ann)


def test_no_password_is_told(browser: ApiClient, ann: UserRecord) -> None:
    passwords.set_password(ann, "!")
    assert answered(delete(browser, password=PASSWORD)) == (400, refusal("CREDENTIAL_ACCOUNT_NOT_FOUND"))
    assert is_there(ann)


def test_without_a_password_the_sign_in_must_be_fresh(
    browser: ApiClient, ann: UserRecord, frozen_time: FrozenTime, configure: Configure
) -> None:
    frozen_time.advance(days=1)
    assert answered(delete(browser)) == (400, refusal("SESSION_EXPIRED"))
    assert is_there(ann)
    assert answered(delete(browser, password=PASSWORD)) == DELETED


def test_freshness_can_be_switched_off(
    browser: ApiClient, ann: UserRecord, frozen_time: FrozenTime, configure: Configure
) -> None:
    configure(SESSION={"FRESH_AGE": 0})
    frozen_time.advance(days=6)
    assert answered(delete(browser)) == DELETED


def test_deletion_can_be_switched_off(browser: ApiClient, ann: UserRecord, configure: Configure) -> None:
    configure(USER={"DELETE_USER": False})
    assert answered(delete(browser, password="wrong password")) == (404, None)
    assert answered(browser.api("GET", "/delete-user/callback?token=x")) == (404, refusal("NOT_FOUND"))
    assert is_there(ann)


def test_deletion_needs_a_session(browser: ApiClient) -> None:
    assert answered(delete(browser)) == (401, refusal("UNAUTHORIZED"))
    response = browser.api("GET", "/delete-user/callback?token=x")
    assert answered(response) == (404, refusal("FAILED_TO_GET_USER_INFO"))


@pytest.mark.usefixtures("with_link")
def test_a_mailed_link_deletes(
    browser: ApiClient, ann: UserRecord, mails: Mails, frozen_time: FrozenTime
) -> None:
    frozen_time.advance(days=2)
    response = delete(browser, password=PASSWORD, callbackURL="/bye?x=1")
    assert (answered(response), is_there(ann)) == (MAILED, True)
    (mail,) = mails()
    link = link_in(mail)
    assert mail.to == ["ann@example.com"]
    assert re.fullmatch(
        r"http://testserver/api/auth/delete-user/callback\?token=[0-9a-z]{32}&callbackURL=%2Fbye%3Fx%3D1",
        link,
    )
    response = browser.api("GET", path_of(link))
    assert (answered(response), set_cookies(response)) == ((302, None), CLEARED)
    assert response.headers["Location"] == "/bye?x=1"
    assert not is_there(ann)


@pytest.mark.usefixtures("with_link")
@pytest.mark.parametrize("by", ["callback", "body"])
def test_without_a_callback_the_answer_is_json(
    browser: ApiClient, ann: UserRecord, mails: Mails, by: str
) -> None:
    assert answered(delete(browser)) == MAILED
    link = link_in(mails()[0])
    assert link.endswith("&callbackURL=%2F")
    token = query_of(link)["token"]
    if by == "body":
        response = delete(browser, token=token)
    else:
        response = browser.api("GET", f"/delete-user/callback?token={token}")
    assert (answered(response), set_cookies(response)) == (DELETED, CLEARED)
    assert not is_there(ann)


@pytest.mark.usefixtures("with_link")
@pytest.mark.parametrize("by", ["callback", "body"])
def test_a_token_in_other_hands_is_spent_and_deletes_nobody(
    browser: ApiClient,
    new_browser: Callable[..., ApiClient],
    ann: UserRecord,
    make_user: Callable[..., UserRecord],
    mails: Mails,
    by: str,
) -> None:
    bob = make_user("bob@example.com")
    elsewhere = new_browser()
    elsewhere.sign_in("bob@example.com")
    delete(browser)
    token = query_of(link_in(mails()[0]))["token"]
    for one in (elsewhere, browser):
        if by == "body":
            response = delete(one, token=token)
        else:
            response = one.api("GET", f"/delete-user/callback?token={token}")
        assert answered(response) == (404, refusal("INVALID_TOKEN"))
    assert (is_there(ann), is_there(bob)) == (True, True)


@pytest.mark.usefixtures("with_link")
def test_token_expires(
    browser: ApiClient, ann: UserRecord, mails: Mails, frozen_time: FrozenTime, configure: Configure
) -> None:
    configure(USER={"DELETE_TOKEN_EXPIRES_IN": 7200})
    delete(browser)
    (mail,) = mails()
    assert "2 hours" in mail.body
    frozen_time.advance(seconds=7200)
    assert answered(delete(browser, token=query_of(link_in(mail))["token"])) == (
        404,
        refusal("INVALID_TOKEN"),
    )
    assert is_there(ann)


def test_a_token_for_a_reset_deletes_nobody(browser: ApiClient, ann: UserRecord) -> None:
    verifications.issue(purpose=Purpose.RESET_PASSWORD, token="t" * 32, subject=ann.id, expires_in=60)
    assert answered(delete(browser, token="t" * 32)) == (404, refusal("INVALID_TOKEN"))
    assert is_there(ann)


@pytest.mark.parametrize(
    ("query", "status", "expected"),
    [
        ("", 400, invalid("[query.token] Invalid input: expected string, received undefined")),
        ("?token=x&callbackURL=https://evil.example", 403, refusal("INVALID_CALLBACK_URL")),
        ("?token=x&callbackURL=/ok", 404, refusal("INVALID_TOKEN")),
    ],
)
def test_bad_link_is_refused(
    browser: ApiClient, ann: UserRecord, query: str, status: int, expected: dict[str, str]
) -> None:
    assert answered(browser.api("GET", f"/delete-user/callback{query}")) == (status, expected)
    assert is_there(ann)
