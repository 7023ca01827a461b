"""``/send-verification-email`` and plain verification by ``/verify-email`` (core.md, section 5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from better_auth import users
from better_auth.crypto.jose import sign_hs256
from better_auth.models import Session
from better_auth.storage.records import UserRecord
from tests import protocol
from tests.conftest import ApiClient
from tests.protocol import answered, invalid, link_in, path_of, query_of, refusal, set_cookies

pytestmark = pytest.mark.usefixtures("commits")
Configure = Callable[..., None]
Mails = Callable[[], list[Any]]
VERIFIED = {"status": True, "user": None}


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


def token_for(user: UserRecord | None, *, lifetime: int = 3600, secret: str = "", **claims: Any) -> str:
    """A link's token as the server signs it; a claim that is None is left out."""
    now = int(time.time())
    known = {"email": user.email, "userId": user.id} if user else {}
    everything = {**known, "iat": now, "exp": now + lifetime, **claims}
    present = {name: value for name, value in everything.items() if value is not None}
    return sign_hs256(present, secret=secret or settings.BETTER_AUTH["SECRET"])


def verify(browser: ApiClient, token: str, callback: str | None = None) -> Any:
    query = {"token": token} | ({} if callback is None else {"callbackURL": callback})
    return browser.get("/api/auth/verify-email", query)


def send(browser: ApiClient, **body: Any) -> Any:
    return browser.api("POST", "/send-verification-email", {"email": "ann@example.com", **body})


def test_mailed_link_verifies_the_address(browser: ApiClient, ann: UserRecord, mails: Mails) -> None:
    assert answered(send(browser, email="Ann@example.com", callbackURL="/done?x=1")) == (
        200,
        {"status": True},
    )
    (mail,) = mails()
    link = link_in(mail)
    assert (mail.to, query_of(link)["callbackURL"]) == (["ann@example.com"], "/done?x=1")
    assert link.startswith("http://testserver/api/auth/verify-email?token=")
    response = browser.api("GET", path_of(link))
    assert answered(response) == (302, None)
    assert (response.headers["Location"], set_cookies(response)) == ("/done?x=1", {})
    assert users.get(ann).email_verified
    assert browser.sign_in().json()["user"]["emailVerified"] is True


def test_without_a_callback_the_link_leads_to_the_root(
    browser: ApiClient, ann: UserRecord, mails: Mails
) -> None:
    send(browser)
    assert link_in(mails()[0]).endswith("&callbackURL=%2F")


def test_without_a_callback_the_answer_is_json(browser: ApiClient, ann: UserRecord) -> None:
    token = token_for(ann)
    assert answered(verify(browser, token)) == (200, VERIFIED)
    updated_at = users.get(ann).updated_at
    assert answered(verify(browser, token)) == (200, VERIFIED)
    assert (users.get(ann).email_verified, users.get(ann).updated_at) == (True, updated_at)
    assert verify(browser, token, "/again").headers["Location"] == "/again"


def test_a_token_that_does_not_name_the_user_verifies_too(browser: ApiClient, ann: UserRecord) -> None:
    assert answered(verify(browser, token_for(ann, userId=None))) == (200, VERIFIED)
    assert users.get(ann).email_verified


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"lifetime": -1}, "TOKEN_EXPIRED"),
        ({"secret": "another secret, just as long as it must be"}, "INVALID_TOKEN"),
        ({"userId": "somebody else"}, "INVALID_TOKEN"),
        ({"email": None}, "INVALID_TOKEN"),
        ({"email": 5}, "INVALID_TOKEN"),
        ({"email": "nobody@example.com"}, "USER_NOT_FOUND"),
        ({"userId": None, "updateTo": "new@example.com"}, "INVALID_TOKEN"),
        ({"updateTo": ["new@example.com"]}, "INVALID_TOKEN"),
        ({"email": "old@example.com", "updateTo": "new@example.com"}, "INVALID_TOKEN"),
        ({"requestType": {}}, "INVALID_TOKEN"),
    ],
    ids=str,
)
def test_a_bad_token_verifies_nothing(
    browser: ApiClient, ann: UserRecord, claims: dict[str, Any], code: str
) -> None:
    token = token_for(ann, **claims)
    assert answered(verify(browser, token)) == (401, refusal(code))
    response = verify(browser, token, "/done?x=1&error=old")
    assert answered(response) == (302, None)
    assert response.headers["Location"] == f"/done?x=1&error={code}"
    assert users.get(ann) == ann


@pytest.mark.parametrize("token", ["x", "", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "x" * 9000])
def test_what_is_no_token_verifies_nothing(browser: ApiClient, token: str) -> None:
    assert answered(verify(browser, token)) == (401, refusal("INVALID_TOKEN"))


def test_a_session_copy_is_no_link(browser: ApiClient, ann: UserRecord, configure: Configure) -> None:
    configure(SESSION={"COOKIE_CACHE": {"ENABLED": True, "STRATEGY": "jwt"}})
    browser.sign_in()
    copy = browser.cookies[protocol.SESSION_DATA].value
    assert answered(verify(browser, copy)) == (401, refusal("INVALID_TOKEN"))


def test_after_a_change_of_address_the_old_link_is_dead(browser: ApiClient, ann: UserRecord) -> None:
    token = token_for(ann)
    users.update(ann, email="new@example.com")
    assert answered(verify(browser, token)) == (401, refusal("USER_NOT_FOUND"))
    users.create(email="ann@example.com", name="Another")
    assert answered(verify(browser, token)) == (401, refusal("INVALID_TOKEN"))


@pytest.mark.parametrize(
    ("query", "status", "expected"),
    [
        ("", 400, invalid("[query.token] Invalid input: expected string, received undefined")),
        ("?token=a&token=b", 400, invalid("[query.token] Invalid input: expected string, received array")),
        ("?token=a&callbackURL=https://evil.example", 403, refusal("INVALID_CALLBACK_URL")),
        ("?token=a&callbackURL=//evil.example", 403, refusal("INVALID_CALLBACK_URL")),
    ],
)
def test_bad_query_is_refused(browser: ApiClient, query: str, status: int, expected: dict[str, str]) -> None:
    assert answered(browser.api("GET", f"/verify-email{query}")) == (status, expected)


def test_following_the_link_can_sign_in(browser: ApiClient, ann: UserRecord, configure: Configure) -> None:
    configure(EMAIL_VERIFICATION={"AUTO_SIGN_IN": True})
    response = verify(browser, token_for(ann))
    assert answered(response) == (200, VERIFIED)
    assert "; Max-Age=604800;" in set_cookies(response)[protocol.SESSION_TOKEN]
    assert browser.session()["user"]["emailVerified"] is True
    again = verify(browser, token_for(ann))
    assert (answered(again), set_cookies(again)) == ((200, VERIFIED), {})


def test_following_the_link_keeps_ones_own_session(
    browser: ApiClient, ann: UserRecord, configure: Configure
) -> None:
    configure(EMAIL_VERIFICATION={"AUTO_SIGN_IN": True}, SESSION={"COOKIE_CACHE": {"ENABLED": True}})
    browser.sign_in()
    token = browser.session()["session"]["token"]
    response = verify(browser, token_for(ann), "/done")
    assert set(set_cookies(response)) == {protocol.SESSION_TOKEN, protocol.SESSION_DATA}
    session = browser.session()
    assert (session["session"]["token"], session["user"]["emailVerified"]) == (token, True)
    assert Session.objects.count() == 1


def test_following_somebodys_link_ends_up_as_them(
    browser: ApiClient, ann: UserRecord, make_user: Callable[..., UserRecord], configure: Configure
) -> None:
    configure(EMAIL_VERIFICATION={"AUTO_SIGN_IN": True})
    make_user("bob@example.com")
    browser.sign_in("bob@example.com")
    assert verify(browser, token_for(ann)).status_code == 200
    assert browser.session()["user"]["email"] == "ann@example.com"


def test_nobody_learns_whether_an_address_is_known(
    browser: ApiClient, make_user: Callable[..., UserRecord], mails: Mails
) -> None:
    make_user("done@example.com", email_verified=True)
    for email in ("nobody@example.com", "done@example.com"):
        assert answered(send(browser, email=email)) == (200, {"status": True})
    assert mails() == []


@pytest.mark.usefixtures("ann")
def test_signed_in_one_is_told_what_is_wrong(
    browser: ApiClient, ann: UserRecord, make_user: Callable[..., UserRecord], mails: Mails
) -> None:
    make_user("bob@example.com")
    browser.sign_in()
    assert answered(send(browser, email="bob@example.com")) == (400, refusal("EMAIL_MISMATCH"))
    assert answered(send(browser, email="ANN@example.com")) == (200, {"status": True})
    users.update(ann, email_verified=True)
    assert answered(send(browser)) == (400, refusal("EMAIL_ALREADY_VERIFIED"))
    assert len(mails()) == 1


@pytest.mark.usefixtures("ann")
def test_verification_can_be_switched_off(browser: ApiClient, configure: Configure, mails: Mails) -> None:
    configure(EMAIL_VERIFICATION={"ENABLED": False})
    assert answered(send(browser)) == (400, refusal("VERIFICATION_EMAIL_NOT_ENABLED"))
    assert mails() == []


@pytest.mark.usefixtures("ann")
def test_lifetime_of_links_is_a_setting(browser: ApiClient, configure: Configure, mails: Mails) -> None:
    configure(EMAIL_VERIFICATION={"EXPIRES_IN": 120})
    send(browser)
    assert "2 minutes" in mails()[0].body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"email": "ann"}, invalid("[body.email] Invalid email address")),
        (
            {"email": None, "callbackURL": None},
            invalid(
                "[body.email] Invalid input: expected string, received null",
                "[body.callbackURL] Invalid input: expected string, received null",
            ),
        ),
        ({}, invalid("[body.email] Invalid input: expected string, received undefined")),
    ],
)
def test_bad_body_is_refused(browser: ApiClient, body: dict[str, Any], expected: dict[str, str]) -> None:
    assert answered(browser.api("POST", "/send-verification-email", body)) == (400, expected)


def test_documents_token_verifies(
    browser: ApiClient, make_user: Callable[..., UserRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user("a@b.co", id="u1")
    token = (
        "eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImFAYi5jbyIsInVzZXJJZCI6InUxIiwiaWF0IjoxNzY3MzIzMDQ1LCJleHAiOjE3NjczMjY2"
        "NDV9.5wBHdt8dxbmSQmNiX4Pc7I2NqlGvvcn0m5kTHIPbELE"
    )
    assert answered(verify(browser, token)) == (401, refusal("TOKEN_EXPIRED"))
    monkeypatch.setattr(time, "time", lambda: 1767323046.0)
    assert answered(verify(browser, token)) == (200, VERIFIED)
    assert users.get(user).email_verified
