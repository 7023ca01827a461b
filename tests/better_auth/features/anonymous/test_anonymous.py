"""People without a name, until they have one (passwordless.md, section 5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from better_auth import sessions, users
from better_auth.events import AuthMethod, Client
from better_auth.models import AuditEntry, Session
from better_auth.sign_in import SignInAttempt, SignInChallenge, complete_sign_in
from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient
from tests.protocol import CLEARED, answered, kept_sessions, set_cookies

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
NewBrowser = Callable[..., ApiClient]
linked: list[tuple[str, str]] = []


def move(*, anonymous_user: UserRecord, new_user: UserRecord, client: Client) -> None:
    """A host's hook: it writes, and notes who became whom."""
    users.update(new_user, name="Moved")
    linked.append((anonymous_user.id, new_user.id))


def fail(**arguments: Any) -> None:
    move(**arguments)
    raise RuntimeError("the host's own trouble")


def second_factor(attempt: SignInAttempt) -> SignInChallenge | None:
    return None if attempt.user.anonymous else SignInChallenge("two-factor", {"twoFactorRedirect": True})


def fixed_address() -> str:
    return "guest@example.com"


def no_address() -> str:
    return "nobody"


def fixed_name() -> str:
    return "Guest"


@pytest.fixture(autouse=True)
def _none_linked() -> None:
    linked.clear()


def sign_in(browser: ApiClient) -> Any:
    response = browser.api("POST", "/sign-in/anonymous", {})
    assert response.status_code == 200, response.content
    return response.json()


@pytest.mark.parametrize("body", [None, {}, {"anything": 1}])
def test_somebody_without_a_name_is_signed_in(browser: ApiClient, body: Any) -> None:
    response = browser.api("POST", "/sign-in/anonymous", body)
    shown = response.json()
    assert (response.status_code, set(shown)) == (200, {"token", "user"})
    assert (shown["user"]["name"], shown["user"]["isAnonymous"]) == ("Anonymous", True)
    assert re.fullmatch(r"[0-9a-z]{32}@anonymous\.placeholder\.invalid", shown["user"]["email"])
    assert (browser.session()["user"], browser.session()["session"]["token"]) == (
        shown["user"],
        shown["token"],
    )
    methods = AuditEntry.objects.order_by("created_at").values_list("event_type", "auth_method")
    assert list(methods) == [("sign_up", "anonymous"), ("sign_in", "anonymous")]
    response = browser.api("POST", "/sign-in/anonymous", body)
    message = "Anonymous users cannot sign in again anonymously"
    code = "ANONYMOUS_USERS_CANNOT_SIGN_IN_AGAIN_ANONYMOUSLY"
    assert answered(response) == (400, {"message": message, "code": code})


def test_the_host_chooses_address_and_name(browser: ApiClient, configure: Configure) -> None:
    configure(ANONYMOUS={"EMAIL_DOMAIN_NAME": "shop.example"})
    assert re.fullmatch(r"temp-[0-9a-z]{32}@shop\.example", sign_in(browser)["user"]["email"])
    browser.api("POST", "/sign-out", {})
    paths = {"GENERATE_RANDOM_EMAIL": f"{__name__}.fixed_address", "GENERATE_NAME": f"{__name__}.fixed_name"}
    configure(ANONYMOUS=paths)
    user = sign_in(browser)["user"]
    assert (user["email"], user["name"]) == ("guest@example.com", "Guest")
    browser.api("POST", "/sign-out", {})
    response = browser.api("POST", "/sign-in/anonymous", {})
    assert answered(response) == (
        500,
        {"message": "Failed to create user", "code": "FAILED_TO_CREATE_USER"},
    )
    configure(ANONYMOUS={"GENERATE_RANDOM_EMAIL": f"{__name__}.no_address"})
    response = browser.api("POST", "/sign-in/anonymous", {})
    message = "Email was not generated in a valid format"
    assert answered(response) == (400, {"message": message, "code": "INVALID_EMAIL_FORMAT"})


@pytest.mark.parametrize("way", ["sign-up", "sign-in", "bearer"])
def test_signing_in_with_a_name_links_and_deletes(
    browser: ApiClient,
    new_browser: NewBrowser,
    make_user: Callable[..., UserRecord],
    configure: Configure,
    way: str,
) -> None:
    configure(ANONYMOUS={"ON_LINK_ACCOUNT": f"{__name__}.move"})
    before = sign_in(browser)
    if way == "sign-up":
        response = browser.sign_up()
    else:
        make_user()
        program = new_browser(headers={"authorization": f"Bearer {before['token']}"})
        response = (program if way == "bearer" else browser).sign_in()
    after = response.json()["user"]
    assert linked == [(before["user"]["id"], after["id"])]
    assert users.find_by_id(before["user"]["id"]) is None
    assert new_browser(headers={"authorization": f"Bearer {before['token']}"}).session() is None
    assert Session.objects.count() == 1
    user = users.find_by_id(after["id"])
    assert user is not None
    assert user.name == "Moved"
    assert not user.anonymous
    entry = AuditEntry.objects.get(event_type="anonymous_user_linked")
    assert (entry.subject_id, entry.details) == (after["id"], {"anonymous_id": before["user"]["id"]})
    assert before["token"].lower() not in {
        name for name, text in kept_sessions(response).items() if "Max-Age=0" not in text
    }


def test_a_hook_that_fails_loses_nothing(
    browser: ApiClient, new_browser: NewBrowser, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    configure(ANONYMOUS={"ON_LINK_ACCOUNT": f"{__name__}.fail"})
    before = sign_in(browser)
    response = browser.sign_up()
    assert (response.status_code, browser.session()["user"]["email"]) == (200, "ann@example.com")
    assert browser.session()["user"]["name"] == "Ann"  # what the hook wrote is undone
    old = new_browser(headers={"authorization": f"Bearer {before['token']}"})
    assert old.session()["user"]["id"] == before["user"]["id"]
    entry = AuditEntry.objects.get(event_type="anonymous_user_linked")
    assert (entry.success, entry.details["anonymous_id"]) == (False, before["user"]["id"])
    assert "could not be linked" in caplog.text


def test_the_anonymous_user_may_be_kept(browser: ApiClient, configure: Configure) -> None:
    configure(ANONYMOUS={"ON_LINK_ACCOUNT": f"{__name__}.move", "DISABLE_DELETE": True})
    before = sign_in(browser)
    browser.sign_up()
    assert (len(linked), users.find_by_id(before["user"]["id"]) is not None) == (1, True)
    response = browser.api("POST", "/delete-anonymous-user", {})
    assert answered(response)[1]["code"] == "DELETE_ANONYMOUS_USER_DISABLED"


def test_nobody_is_linked_while_a_second_factor_is_to_come(
    browser: ApiClient, make_user: Callable[..., UserRecord], configure: Configure, rf: Any
) -> None:
    """The session is put aside, and linked when the second step is done."""
    make_user()
    configure(ANONYMOUS={"ON_LINK_ACCOUNT": f"{__name__}.move"})
    before = sign_in(browser)
    configure(SIGN_IN_GATES=[f"{__name__}.second_factor"])
    response = browser.sign_in()
    assert response.json() == {"twoFactorRedirect": True}
    assert (linked, browser.session(), "set-auth-token" in response.headers) == ([], None, False)
    assert users.find_by_id(before["user"]["id"]) is not None
    aside = browser.cookies["better-auth.anonymous_session"].value
    for name in ("better-auth.session_token", f"better-auth.session_token_multi-{before['token'].lower()}"):
        browser.cookies[name] = aside  # it is no session's (attacks.md, A11)
    assert browser.session() is None
    for name in list(browser.cookies):
        if name != "better-auth.anonymous_session":
            del browser.cookies[name]
    configure(SIGN_IN_GATES=[])
    response = browser.sign_in()
    assert linked == [(before["user"]["id"], response.json()["user"]["id"])]
    assert "Max-Age=0" in set_cookies(response)["better-auth.anonymous_session"]


def test_switching_between_sessions_links_nobody(
    browser: ApiClient, make_user: Callable[..., UserRecord], configure: Configure
) -> None:
    make_user()
    token = browser.sign_in().json()["token"]
    before = sign_in(browser)
    assert browser.api("POST", "/multi-session/set-active", {"sessionToken": token}).status_code == 200
    assert users.find_by_id(before["user"]["id"]) is not None


def test_a_forged_cookie_links_nobody(
    browser: ApiClient, new_browser: NewBrowser, configure: Configure
) -> None:
    before = sign_in(new_browser())
    for name in ("anonymous_session", "session_token"):
        browser.cookies[f"better-auth.{name}"] = f"{before['token']}:waits.{'A' * 43}="
    assert browser.sign_up().status_code == 200
    assert users.find_by_id(before["user"]["id"]) is not None


def test_an_anonymous_user_goes_by_themselves(browser: ApiClient) -> None:
    sign_in(browser)
    response = browser.api("POST", "/delete-anonymous-user", {})
    assert (answered(response), set_cookies(response)) == ((200, {"success": True}), CLEARED)
    assert (browser.session(), Session.objects.count()) == (None, 0)
    assert AuditEntry.objects.filter(event_type="user_deleted").count() == 1


def test_others_do_not(browser: ApiClient, make_user: Callable[..., UserRecord]) -> None:
    assert browser.api("POST", "/delete-anonymous-user", {}).status_code == 401
    make_user()
    browser.sign_in()
    response = browser.api("POST", "/delete-anonymous-user", {})
    assert answered(response) == (
        403,
        {"message": "User is not anonymous", "code": "USER_IS_NOT_ANONYMOUS"},
    )
    assert browser.session() is not None


def test_nobody_sets_the_flag_themselves(browser: ApiClient, make_user: Callable[..., UserRecord]) -> None:
    assert browser.sign_up(isAnonymous=True).json()["user"]["isAnonymous"] is False
    assert browser.api("POST", "/update-user", {"isAnonymous": True}).status_code == 400
    assert browser.session()["user"]["isAnonymous"] is False


def test_without_the_feature_there_is_none_of_it(browser: ApiClient, configure: Configure) -> None:
    before = sign_in(browser)
    configure(FEATURES=["bearer"])
    assert browser.api("POST", "/sign-in/anonymous", {}).status_code == 404
    assert browser.sign_up().status_code == 200
    assert users.find_by_id(before["user"]["id"]) is not None


def test_who_was_linked_by_another_request_is_left_alone(
    browser: ApiClient, make_user: Callable[..., UserRecord], configure: Configure
) -> None:
    from better_auth.features.anonymous import linking

    configure(ANONYMOUS={"ON_LINK_ACCOUNT": f"{__name__}.move"})
    anonymous = users.find_by_id(sign_in(browser)["user"]["id"])
    issued = complete_sign_in(make_user(), method=AuthMethod.PASSWORD, client=Client())
    assert anonymous is not None
    assert isinstance(issued, sessions.IssuedSession)
    assert [linking.link(anonymous, issued) for _ in range(2)] == [True, False]
    assert len(linked) == 1
