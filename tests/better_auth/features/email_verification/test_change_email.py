"""``POST /change-email`` and the links that it mails (core.md, sections 4 and 5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from better_auth import users
from better_auth.crypto.jose import sign_hs256, verify_hs256
from better_auth.models import Verification
from better_auth.storage.records import UserRecord
from tests import protocol
from tests.conftest import ApiClient
from tests.protocol import answered, invalid, link_in, path_of, query_of, refusal, set_cookies

pytestmark = pytest.mark.usefixtures("commits")
Configure = Callable[..., None]
Mails = Callable[[], list[Any]]
DONE = (200, {"status": True})


@pytest.fixture
def ann(browser: ApiClient, make_user: Callable[..., UserRecord]) -> UserRecord:
    """Ann, whose address is not verified, signed in in ``browser``."""
    user = make_user()
    browser.sign_in()
    return user


@pytest.fixture
def verified_ann(ann: UserRecord) -> UserRecord:
    return users.update(ann, email_verified=True)


def change(browser: ApiClient, new_email: Any = "new@example.com", **more: Any) -> Any:
    return browser.api("POST", "/change-email", {"newEmail": new_email, **more})


def claims_of(link: str) -> dict[str, Any]:
    claims = verify_hs256(query_of(link)["token"], secret=settings.BETTER_AUTH["SECRET"], now=0)
    assert claims.pop("exp") - claims.pop("iat") == 3600
    return claims


def email_in(browser: ApiClient) -> tuple[str, bool]:
    user = browser.session()["user"]
    return user["email"], user["emailVerified"]


def test_the_new_address_is_asked(browser: ApiClient, ann: UserRecord, mails: Mails) -> None:
    assert answered(change(browser, "New@Example.com", callbackURL="/me")) == DONE
    (mail,) = mails()
    assert mail.to == ["new@example.com"]
    assert claims_of(link_in(mail)) == {
        "email": "ann@example.com",
        "updateTo": "new@example.com",
        "requestType": "change-email-verification",
        "userId": ann.id,
        "unproven": True,
    }
    assert email_in(browser) == ("ann@example.com", False)
    response = browser.api("GET", path_of(link_in(mail)))
    assert (answered(response), response.headers["Location"]) == ((302, None), "/me")
    assert set(set_cookies(response)) == {protocol.SESSION_TOKEN}
    assert email_in(browser) == ("new@example.com", False)
    assert browser.sign_in("new@example.com").status_code == 200
    assert browser.sign_in("ann@example.com").status_code == 401


@pytest.mark.usefixtures("verified_ann")
def test_a_verified_user_stays_verified(browser: ApiClient, mails: Mails) -> None:
    assert answered(change(browser)) == DONE
    token = query_of(link_in(mails()[0]))["token"]
    response = browser.get("/api/auth/verify-email", {"token": token})
    shown = browser.session()["user"]
    assert answered(response) == (200, {"status": True, "user": shown})
    assert (shown["email"], shown["emailVerified"]) == ("new@example.com", True)
    assert answered(browser.get("/api/auth/verify-email", {"token": token})) == (
        401,
        refusal("INVALID_TOKEN"),
    )


@pytest.mark.usefixtures("verified_ann")
def test_no_session_is_needed_to_follow_the_link(
    browser: ApiClient, new_browser: Callable[..., ApiClient], mails: Mails
) -> None:
    change(browser)
    response = new_browser().api("GET", path_of(link_in(mails()[0])))
    assert (response.status_code, set_cookies(response)) == (302, {})
    assert email_in(browser) == ("new@example.com", True)


@pytest.mark.usefixtures("verified_ann")
def test_the_session_of_somebody_else_is_in_the_way(
    browser: ApiClient,
    new_browser: Callable[..., ApiClient],
    make_user: Callable[..., UserRecord],
    mails: Mails,
) -> None:
    make_user("bob@example.com")
    elsewhere = new_browser()
    elsewhere.sign_in("bob@example.com")
    change(browser)
    link = link_in(mails()[0])
    assert elsewhere.api("GET", path_of(link)).headers["Location"] == "/?error=INVALID_USER"
    response = elsewhere.get("/api/auth/verify-email", {"token": query_of(link)["token"]})
    assert answered(response) == (401, refusal("INVALID_USER"))
    assert email_in(browser) == ("ann@example.com", True)


def test_the_present_address_may_have_to_confirm(
    browser: ApiClient, verified_ann: UserRecord, configure: Configure, mails: Mails
) -> None:
    configure(USER={"CHANGE_EMAIL_CONFIRMATION": True})
    assert answered(change(browser, callbackURL="/me")) == DONE
    (first,) = mails()
    assert (first.to, claims_of(link_in(first))["requestType"]) == (
        ["ann@example.com"],
        "change-email-confirmation",
    )
    assert browser.api("GET", path_of(link_in(first))).headers["Location"] == "/me"
    assert email_in(browser) == ("ann@example.com", True)
    _, second = mails()
    assert (second.to, claims_of(link_in(second))["requestType"]) == (
        ["new@example.com"],
        "change-email-verification",
    )
    assert browser.api("GET", path_of(link_in(second))).headers["Location"] == "/me"
    assert email_in(browser) == ("new@example.com", True)


@pytest.mark.usefixtures("ann")
def test_an_unverified_address_confirms_nothing(
    browser: ApiClient, configure: Configure, mails: Mails
) -> None:
    configure(USER={"CHANGE_EMAIL_CONFIRMATION": True})
    change(browser)
    assert [mail.to for mail in mails()] == [["new@example.com"]]


@pytest.mark.usefixtures("ann")
def test_an_unverified_address_may_change_at_once(
    browser: ApiClient, configure: Configure, mails: Mails
) -> None:
    configure(USER={"CHANGE_EMAIL_UNVERIFIED_AT_ONCE": True})
    response = change(browser, callbackURL="/me")
    assert answered(response) == DONE
    assert set(set_cookies(response)) == {protocol.SESSION_TOKEN}
    assert email_in(browser) == ("new@example.com", False)
    (mail,) = mails()
    claims = claims_of(link_in(mail))
    assert (mail.to, set(claims), claims["email"]) == (
        ["new@example.com"],
        {"email", "userId"},
        "new@example.com",
    )
    assert browser.api("GET", path_of(link_in(mail))).headers["Location"] == "/me"
    assert email_in(browser) == ("new@example.com", True)


@pytest.mark.usefixtures("verified_ann")
def test_a_verified_address_never_changes_at_once(
    browser: ApiClient, configure: Configure, mails: Mails
) -> None:
    configure(USER={"CHANGE_EMAIL_UNVERIFIED_AT_ONCE": True})
    assert answered(change(browser)) == DONE
    assert email_in(browser) == ("ann@example.com", True)
    assert [mail.to for mail in mails()] == [["new@example.com"]]


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize("at_once", [False, True])
def test_a_taken_address_is_answered_alike(
    browser: ApiClient,
    make_user: Callable[..., UserRecord],
    configure: Configure,
    mails: Mails,
    at_once: bool,
) -> None:
    make_user("bob@example.com")
    configure(USER={"CHANGE_EMAIL_UNVERIFIED_AT_ONCE": at_once})
    response = change(browser, "BOB@example.com")
    assert (answered(response), set_cookies(response), mails()) == (DONE, {}, [])
    assert email_in(browser) == ("ann@example.com", False)


@pytest.mark.usefixtures("ann")
def test_an_address_that_was_taken_meanwhile_is_refused(
    browser: ApiClient, make_user: Callable[..., UserRecord], mails: Mails
) -> None:
    change(browser)
    make_user("new@example.com")
    response = browser.api("GET", path_of(link_in(mails()[0])))
    assert response.headers["Location"] == "/?error=INVALID_TOKEN"
    assert email_in(browser) == ("ann@example.com", False)


def test_a_token_of_no_known_kind_changes_and_verifies_anew(
    browser: ApiClient, verified_ann: UserRecord, mails: Mails
) -> None:
    now = int(time.time())
    claims = {"email": "ann@example.com", "updateTo": "new@example.com", "userId": verified_ann.id}
    token = sign_hs256({**claims, "iat": now, "exp": now + 60}, secret=settings.BETTER_AUTH["SECRET"])
    response = browser.get("/api/auth/verify-email", {"token": token})
    assert answered(response) == (200, {"status": True, "user": browser.session()["user"]})
    assert email_in(browser) == ("new@example.com", False)
    assert [mail.to for mail in mails()] == [["new@example.com"]]


@pytest.mark.usefixtures("ann")
def test_a_change_voids_links_for_a_reset(browser: ApiClient, mails: Mails) -> None:
    browser.api("POST", "/request-password-reset", {"email": "ann@example.com"})
    change(browser)
    assert Verification.objects.count() == 1
    browser.api("GET", path_of(link_in(mails()[1])))
    assert Verification.objects.count() == 0


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize(
    ("switches", "new_email", "expected"),
    [
        ({"USER": {"CHANGE_EMAIL": False}}, "ann@example.com", refusal("CHANGE_EMAIL_DISABLED")),
        ({}, "Ann@Example.com", {"message": "Email is the same"}),
        (
            {"EMAIL_VERIFICATION": {"ENABLED": False}},
            "new@example.com",
            {"message": "Verification email isn't enabled"},
        ),
        (
            {"EMAIL_VERIFICATION": {"ENABLED": False}},
            "ann@example.com",
            {"message": "Email is the same"},
        ),
        ({}, "new", invalid("[body.newEmail] Invalid email address")),
        ({}, None, invalid("[body.newEmail] Invalid input: expected string, received null")),
    ],
)
def test_refusals(
    browser: ApiClient,
    configure: Configure,
    mails: Mails,
    switches: dict[str, Any],
    new_email: Any,
    expected: dict[str, str],
) -> None:
    configure(**switches)
    assert answered(change(browser, new_email)) == (400, expected)
    assert mails() == []


@pytest.mark.usefixtures("ann")
def test_without_mails_an_unverified_address_can_change_at_once(
    browser: ApiClient, configure: Configure, mails: Mails
) -> None:
    configure(USER={"CHANGE_EMAIL_UNVERIFIED_AT_ONCE": True}, EMAIL_VERIFICATION={"ENABLED": False})
    assert answered(change(browser)) == DONE
    assert (email_in(browser), mails()) == (("new@example.com", False), [])


def test_change_needs_a_session(browser: ApiClient) -> None:
    assert answered(change(browser)) == (401, refusal("UNAUTHORIZED"))
