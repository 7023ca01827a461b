"""``/request-password-reset`` and ``/reset-password`` (core.md, section 5)."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from better_auth import accounts, users, verifications
from better_auth.models import Session, Verification
from better_auth.storage.records import UserRecord
from better_auth.verifications import Purpose
from tests.conftest import PASSWORD, ApiClient
from tests.protocol import answered, invalid, link_in, path_of, refusal, set_cookies

pytestmark = pytest.mark.usefixtures("commits")
Configure = Callable[..., None]
Mails = Callable[[], list[Any]]
NEW_PASSWORD = "another long password"
SENT = {
    "status": True,
    "message": "If this email exists in our system, check your email for the reset link",
}
LINK = re.compile(r"http://testserver/api/auth/reset-password/([a-zA-Z0-9]{24})\?callbackURL=(.*)")


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


@pytest.fixture
def request_token(browser: ApiClient, mails: Mails) -> Callable[..., str]:
    """Ask for a link for Ann; the token of the mail."""

    def request(**body: str) -> str:
        response = browser.api("POST", "/request-password-reset", {"email": "ann@example.com", **body})
        assert answered(response) == (200, SENT)
        found = LINK.fullmatch(link_in(mails()[-1]))
        assert found
        return found[1]

    return request


def reset(browser: ApiClient, **body: Any) -> Any:
    return browser.api("POST", "/reset-password", {"newPassword": NEW_PASSWORD, **body})


@pytest.mark.usefixtures("ann")
def test_mailed_link_leads_to_the_front_end(browser: ApiClient, mails: Mails) -> None:
    body = {"email": "ANN@example.com", "redirectTo": "/new-password?theme=dark"}
    assert answered(browser.api("POST", "/request-password-reset", body)) == (200, SENT)
    (mail,) = mails()
    found = LINK.fullmatch(link_in(mail))
    assert found
    assert (mail.to, found[2]) == (["ann@example.com"], "%2Fnew-password%3Ftheme%3Ddark")
    assert found[0] in mail.alternatives[0][0].replace("&amp;", "&")
    response = browser.api("GET", path_of(found[0]))
    assert answered(response) == (302, None)
    assert response.headers["Location"] == f"http://testserver/new-password?theme=dark&token={found[1]}"
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.usefixtures("ann")
def test_reset_replaces_the_password_and_signs_nobody_in(
    browser: ApiClient, request_token: Callable[..., str]
) -> None:
    response = reset(browser, token=request_token())
    assert answered(response) == (200, {"status": True})
    assert set_cookies(response) == {}
    assert browser.sign_in().status_code == 401
    signed_in = browser.sign_in(password=NEW_PASSWORD)
    assert (signed_in.status_code, signed_in.json()["user"]["emailVerified"]) == (200, False)


@pytest.mark.usefixtures("ann")
def test_token_may_be_in_the_query_and_the_body_wins(
    browser: ApiClient, request_token: Callable[..., str]
) -> None:
    token = request_token()
    body = {"newPassword": NEW_PASSWORD}
    wrong = browser.api("POST", f"/reset-password?token={token}", {**body, "token": "x" * 24})
    assert answered(wrong) == (400, refusal("INVALID_TOKEN"))
    assert answered(browser.api("POST", f"/reset-password?token={token}", body)) == (200, {"status": True})


@pytest.mark.usefixtures("ann")
def test_token_works_once(browser: ApiClient, request_token: Callable[..., str]) -> None:
    token = request_token()
    assert reset(browser, token=token).status_code == 200
    assert answered(reset(browser, token=token)) == (400, refusal("INVALID_TOKEN"))
    response = browser.api("GET", f"/reset-password/{token}?callbackURL=/new")
    assert response.headers["Location"] == "http://testserver/new?error=INVALID_TOKEN"


@pytest.mark.usefixtures("ann")
def test_several_links_may_be_out_and_the_first_one_used_voids_them(
    browser: ApiClient, request_token: Callable[..., str]
) -> None:
    older, newer = request_token(), request_token()
    assert older != newer
    assert reset(browser, token=older).status_code == 200
    assert answered(reset(browser, token=newer)) == (400, refusal("INVALID_TOKEN"))


@pytest.mark.usefixtures("ann")
def test_looking_at_the_link_does_not_spend_it(browser: ApiClient, request_token: Callable[..., str]) -> None:
    token = request_token()
    for _ in range(3):
        response = browser.api("GET", f"/reset-password/{token}?callbackURL=/new")
        assert response.headers["Location"] == f"http://testserver/new?token={token}"
    assert reset(browser, token=token).status_code == 200


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize("password", ["short", "x" * 129])
def test_a_refused_password_leaves_the_token_usable(
    browser: ApiClient, request_token: Callable[..., str], password: str
) -> None:
    token = request_token()
    code = "PASSWORD_TOO_SHORT" if len(password) < 8 else "PASSWORD_TOO_LONG"
    assert answered(reset(browser, token=token, newPassword=password)) == (400, refusal(code))
    assert reset(browser, token=token).status_code == 200


@pytest.mark.usefixtures("ann")
def test_a_common_password_leaves_the_token_usable(
    browser: ApiClient, request_token: Callable[..., str], configure: Configure
) -> None:
    configure(PASSWORD={"REFUSE_COMMON": True})
    token = request_token()
    response = reset(browser, token=token, newPassword="password123")
    assert answered(response) == (400, refusal("PASSWORD_COMPROMISED"))
    assert reset(browser, token=token).status_code == 200


@pytest.mark.usefixtures("ann")
def test_token_expires(
    browser: ApiClient, frozen_time: Any, configure: Configure, request_token: Callable[..., str]
) -> None:
    configure(EMAIL_PASSWORD={"RESET_EXPIRES_IN": 60})
    late, in_time = request_token(), request_token()
    frozen_time.advance(seconds=59)
    assert "token=" in browser.api("GET", f"/reset-password/{late}?callbackURL=/new").headers["Location"]
    frozen_time.advance(seconds=1)
    response = browser.api("GET", f"/reset-password/{late}?callbackURL=/new")
    assert response.headers["Location"] == "http://testserver/new?error=INVALID_TOKEN"
    assert answered(reset(browser, token=late)) == (400, refusal("INVALID_TOKEN"))
    frozen_time.advance(seconds=-1)
    assert reset(browser, token=in_time).status_code == 200


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"newPassword": NEW_PASSWORD}, refusal("INVALID_TOKEN")),
        ({"newPassword": "short"}, refusal("INVALID_TOKEN")),
        ({"newPassword": NEW_PASSWORD, "token": ""}, refusal("INVALID_TOKEN")),
        ({"newPassword": "short", "token": "x" * 24}, refusal("PASSWORD_TOO_SHORT")),
        ({"newPassword": "x" * 129, "token": "x" * 24}, refusal("PASSWORD_TOO_LONG")),
        ({"newPassword": NEW_PASSWORD, "token": "x" * 24}, refusal("INVALID_TOKEN")),
        (
            {"token": "x"},
            invalid("[body.newPassword] Invalid input: expected string, received undefined"),
        ),
    ],
)
def test_refusals_come_in_order(browser: ApiClient, body: dict[str, str], expected: dict[str, str]) -> None:
    assert answered(browser.api("POST", "/reset-password", body)) == (400, expected)


def test_a_user_who_has_gone_is_told(
    browser: ApiClient, ann: UserRecord, request_token: Callable[..., str]
) -> None:
    token = request_token()
    users.delete(ann)
    assert answered(reset(browser, token=token)) == (400, refusal("USER_NOT_FOUND"))


def test_unknown_address_is_answered_alike_and_mailed_nothing(browser: ApiClient, mails: Mails) -> None:
    body = {"email": "nobody@example.com", "redirectTo": "/new"}
    assert answered(browser.api("POST", "/request-password-reset", body)) == (200, SENT)
    assert (mails(), Verification.objects.count()) == ([], 0)


@pytest.mark.usefixtures("ann")
def test_untrusted_page_is_refused(browser: ApiClient, mails: Mails) -> None:
    body = {"email": "ann@example.com", "redirectTo": "https://evil.example/new"}
    expected = (403, refusal("INVALID_REDIRECT_URL"))
    assert answered(browser.api("POST", "/request-password-reset", body)) == expected
    assert mails() == []


@pytest.mark.usefixtures("ann")
def test_reset_can_be_switched_off(browser: ApiClient, configure: Configure, mails: Mails) -> None:
    configure(EMAIL_PASSWORD={"RESET_ENABLED": False})
    expected = (400, refusal("RESET_PASSWORD_DISABLED"))
    assert answered(browser.api("POST", "/request-password-reset", {"email": "ann@example.com"})) == expected
    assert mails() == []


def test_somebody_without_a_password_gets_one(browser: ApiClient, request_token: Callable[..., str]) -> None:
    ann = users.create(email="ann@example.com", name="Ann")
    assert reset(browser, token=request_token()).status_code == 200
    assert [account.provider_id for account in accounts.list_for(ann)] == ["credential"]
    assert browser.sign_in(password=NEW_PASSWORD).status_code == 200


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize("revokes", [False, True])
def test_sessions_end_only_where_the_settings_say_so(
    browser: ApiClient,
    new_browser: Callable[..., ApiClient],
    configure: Configure,
    request_token: Callable[..., str],
    revokes: bool,
) -> None:
    configure(EMAIL_PASSWORD={"REVOKE_SESSIONS_ON_RESET": revokes})
    elsewhere = new_browser()
    elsewhere.sign_in()
    assert reset(browser, token=request_token()).status_code == 200
    assert (elsewhere.session() is None) is revokes
    assert Session.objects.count() == (0 if revokes else 1)


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize(
    ("query", "status", "expected"),
    [
        ("", 400, invalid("[query.callbackURL] Invalid input: expected string, received undefined")),
        (
            "?callbackURL=/a&callbackURL=/b",
            400,
            invalid("[query.callbackURL] Invalid input: expected string, received array"),
        ),
        ("?callbackURL=https://evil.example", 403, refusal("INVALID_CALLBACK_URL")),
        ("?callbackURL=//evil.example", 403, refusal("INVALID_CALLBACK_URL")),
        ("?callbackURL=javascript:alert(1)", 403, refusal("INVALID_CALLBACK_URL")),
    ],
)
def test_link_with_a_bad_callback_is_refused(
    browser: ApiClient, query: str, status: int, expected: dict[str, str]
) -> None:
    assert answered(browser.api("GET", f"/reset-password/abc{query}")) == (status, expected)


@pytest.mark.parametrize(
    ("callback", "location"),
    [
        ("", "http://testserver/api/auth/error?error=INVALID_TOKEN"),
        ("/new", "http://testserver/new?error=INVALID_TOKEN"),
        ("/new?a=1&token=old#top", "http://testserver/new?a=1&token=old&error=INVALID_TOKEN#top"),
        ("/new?error=x&error=y", "http://testserver/new?error=INVALID_TOKEN"),
        ("http://testserver/new", "http://testserver/new?error=INVALID_TOKEN"),
        ("/neu/ä", "http://testserver/neu/%C3%A4?error=INVALID_TOKEN"),
        ("/新しい", "http://testserver/%E6%96%B0%E3%81%97%E3%81%84?error=INVALID_TOKEN"),
    ],
)
def test_bad_token_leads_to_the_callback_with_an_error(
    browser: ApiClient, callback: str, location: str
) -> None:
    response = browser.get("/api/auth/reset-password/abc", {"callbackURL": callback})
    assert answered(response) == (302, None)
    assert response.headers["Location"] == location


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_through(ann: UserRecord) -> None:
    token = "x" * 24
    verifications.issue(purpose=Purpose.RESET_PASSWORD, token=token, subject=ann.id, expires_in=60)
    answers: list[tuple[int, Any]] = []
    start = threading.Barrier(4)

    def try_it(number: int) -> None:
        try:
            start.wait(timeout=90)
            answers.append(answered(reset(ApiClient(), token=token, newPassword=f"{NEW_PASSWORD} {number}")))
        finally:
            connection.close()

    threads = [threading.Thread(target=try_it, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
    assert sorted(answers, key=lambda answer: answer[0]) == [(200, {"status": True})] + 3 * [
        (400, refusal("INVALID_TOKEN"))
    ]


@pytest.mark.usefixtures("ann")
def test_changing_the_password_voids_the_links(browser: ApiClient, request_token: Callable[..., str]) -> None:
    token = request_token()
    browser.sign_in()
    body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    assert browser.api("POST", "/change-password", body).status_code == 200
    assert answered(reset(browser, token=token)) == (400, refusal("INVALID_TOKEN"))


@pytest.mark.usefixtures("ann")
def test_token_is_nowhere_in_the_database(request_token: Callable[..., str]) -> None:
    token = request_token()
    row = Verification.objects.get()
    assert all(token not in str(value) for value in vars(row).values())
