"""Several users signed in on one device (jwt-bearer-multisession.md, section 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection

from better_auth import users
from better_auth.crypto.signing import sign_value
from better_auth.models import AuditEntry, Session
from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient, FrozenTime
from tests.protocol import (
    ATTRIBUTES,
    CLEARED,
    SESSION_TOKEN,
    answered,
    kept_sessions,
    set_cookies,
    token_in_cookie,
)

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
NewBrowser = Callable[..., ApiClient]
SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
EXPIRED = f"=; Max-Age=0; {ATTRIBUTES}"
REFUSED = (401, {"message": "Invalid session token", "code": "INVALID_SESSION_TOKEN"})


@pytest.fixture
def people(make_user: Callable[..., UserRecord]) -> dict[str, UserRecord]:
    return {name: make_user(f"{name}@example.com") for name in ("ann", "bob", "eve")}


def sign_in(browser: ApiClient, name: str, **more: Any) -> str:
    return str(browser.sign_in(f"{name}@example.com", **more).json()["token"])


def listed(browser: ApiClient) -> list[str]:
    """The names of those who are signed in on the device."""
    response = browser.api("GET", "/multi-session/list-device-sessions")
    assert response.status_code == 200
    return sorted(one["user"]["email"].partition("@")[0] for one in response.json())


def call(browser: ApiClient, action: str, token: Any) -> Any:
    return browser.api("POST", f"/multi-session/{action}", {"sessionToken": token})


def active(browser: ApiClient) -> str | None:
    session = browser.session()
    return str(session["user"]["email"]).partition("@")[0] if session else None


def put(browser: ApiClient, token: str, value: str) -> None:
    browser.cookies[f"{SESSION_TOKEN}_multi-{token.lower()}"] = value


@pytest.mark.parametrize("remember", [True, False])
def test_each_sign_in_is_kept_for_as_long_as_a_session_lives(
    browser: ApiClient, people: Any, remember: bool
) -> None:
    response = browser.sign_in(rememberMe=remember)
    token = token_in_cookie(response)
    (name, written), *others = kept_sessions(response).items()
    assert (name, others) == (token.lower(), [])
    value = sign_value(token, secret=SECRET)
    assert written == f"{SESSION_TOKEN}_multi-{name}={value}; Max-Age=604800; {ATTRIBUTES}"


def test_a_second_sign_in_of_the_same_user_replaces_the_first(
    browser: ApiClient, new_browser: NewBrowser, people: Any
) -> None:
    first, other = sign_in(browser, "ann"), sign_in(browser, "bob")
    elsewhere = new_browser()
    sign_in(elsewhere, "ann")
    response = browser.sign_in()
    assert kept_sessions(response)[first.lower()].endswith(EXPIRED)
    assert (listed(browser), active(browser), active(elsewhere)) == (["ann", "bob"], "ann", "ann")
    assert new_browser(headers={"authorization": f"Bearer {first}"}).session() is None
    assert new_browser(headers={"authorization": f"Bearer {other}"}).session() is not None
    ended = AuditEntry.objects.get(event_type="session_revoked")
    assert (ended.subject_id, ended.actor_id) == (people["ann"].id, people["ann"].id)


def test_beyond_the_maximum_a_session_works_and_is_not_listed(
    browser: ApiClient, people: Any, configure: Configure
) -> None:
    configure(MULTI_SESSION={"MAXIMUM_SESSIONS": 2})
    for name in ("ann", "bob"):
        sign_in(browser, name)
    response = browser.sign_in("eve@example.com")
    assert (kept_sessions(response), active(browser), listed(browser)) == ({}, "eve", ["ann", "bob"])
    assert call(browser, "set-active", token_in_cookie(response)).status_code == 401


def test_sessions_that_are_over_take_no_place(
    browser: ApiClient, people: Any, configure: Configure, frozen_time: FrozenTime
) -> None:
    configure(MULTI_SESSION={"MAXIMUM_SESSIONS": 1})
    first = sign_in(browser, "ann", rememberMe=False)
    frozen_time.advance(days=1)
    cookies = kept_sessions(browser.sign_in("bob@example.com"))
    assert cookies[first.lower()].endswith(EXPIRED)
    assert (listed(browser), len(cookies)) == (["bob"], 2)


def test_switching_there_and_back(browser: ApiClient, people: Any) -> None:
    first, second = sign_in(browser, "ann"), sign_in(browser, "bob")
    response = call(browser, "set-active", first.upper())  # the cookie decides, not the spelling
    shown = response.json()
    assert (response.status_code, shown["session"]["token"], shown["user"]["email"]) == (
        200,
        first,
        "ann@example.com",
    )
    assert (active(browser), token_in_cookie(response)) == ("ann", first)
    assert response.headers["set-auth-token"].startswith(f"{first}.")
    assert call(browser, "set-active", second).status_code == 200
    assert (active(browser), listed(browser)) == ("bob", ["ann", "bob"])
    switched = AuditEntry.objects.filter(event_type="session_switched").order_by("created_at")
    assert [entry.subject_id for entry in switched] == [people["ann"].id, people["bob"].id]


@pytest.mark.parametrize("banned", [True, False], ids=["banned", "expired"])
def test_a_session_that_is_over_is_not_made_active(
    browser: ApiClient, people: Any, frozen_time: FrozenTime, banned: bool
) -> None:
    first = sign_in(browser, "ann", rememberMe=False)
    if banned:
        users.update(people["ann"], banned=True)
    else:
        frozen_time.advance(days=1)
    sign_in(browser, "bob")
    put(browser, first, sign_value(first, secret=SECRET))
    response = call(browser, "set-active", first)
    assert (answered(response), active(browser)) == (REFUSED, "bob")
    assert kept_sessions(response)[first.lower()].endswith(EXPIRED)
    assert listed(browser) == ["bob"]


def test_revoking_the_active_session_makes_the_next_one_active(browser: ApiClient, people: Any) -> None:
    tokens = {name: sign_in(browser, name) for name in ("ann", "bob", "eve")}
    assert answered(call(browser, "revoke", tokens["eve"])) == (200, {"status": True})
    assert (active(browser) in ("ann", "bob"), listed(browser)) == (True, ["ann", "bob"])
    call(browser, "set-active", tokens["ann"])
    response = call(browser, "revoke", tokens["bob"])
    assert (active(browser), listed(browser), SESSION_TOKEN in response.cookies) == ("ann", ["ann"], False)
    entry = AuditEntry.objects.filter(event_type="session_revoked").latest("created_at")
    assert (entry.subject_id, entry.actor_id) == (people["bob"].id, people["ann"].id)
    response = call(browser, "revoke", tokens["ann"])
    assert (active(browser), listed(browser), Session.objects.count()) == (None, [], 0)
    assert set_cookies(response) == CLEARED


@pytest.mark.parametrize("forge", ["{}", "{}.AAAA", "{}." + "A" * 43 + "=", "%", "", "\x00", "true"])
@pytest.mark.parametrize("path", ["/multi-session/set-active", "/multi-session/revoke", "/sign-out"])
def test_cookies_that_we_have_not_signed_open_and_end_nothing(
    browser: ApiClient, new_browser: NewBrowser, people: Any, path: str, forge: str
) -> None:
    """attacks.md, A7."""
    victim = new_browser()
    stolen = sign_in(victim, "bob")
    sign_in(browser, "ann")
    put(browser, stolen, forge.format(stolen))
    body = {} if path == "/sign-out" else {"sessionToken": stolen}
    response = browser.api("POST", path, body)
    assert answered(response) == ((200, {"success": True}) if path == "/sign-out" else REFUSED)
    assert (active(victim), listed(browser)) == ("bob", [] if path == "/sign-out" else ["ann"])


def test_a_value_that_was_signed_for_another_name_is_none(
    browser: ApiClient, new_browser: NewBrowser, people: Any
) -> None:
    own, other = sign_in(browser, "ann"), sign_in(new_browser(), "bob")
    put(browser, other, sign_value(own, secret=SECRET))
    assert answered(call(browser, "set-active", other)) == REFUSED
    assert answered(call(browser, "revoke", other)) == REFUSED
    assert listed(browser) == ["ann"]


def test_signing_out_leaves_the_device_for_everybody(
    browser: ApiClient, new_browser: NewBrowser, people: Any
) -> None:
    tokens = [sign_in(browser, name) for name in ("ann", "bob")]
    elsewhere = new_browser()
    sign_in(elsewhere, "ann")
    response = browser.api("POST", "/sign-out", {})
    assert sorted(kept_sessions(response)) == sorted(token.lower() for token in tokens)
    assert all(text.endswith(EXPIRED) for text in kept_sessions(response).values())
    assert (active(browser), listed(browser), active(elsewhere)) == (None, [], "ann")
    assert Session.objects.count() == 1
    assert AuditEntry.objects.filter(event_type="sign_out").count() == 2


def test_signing_out_of_all_devices_leaves_the_others_of_this_one(
    browser: ApiClient, new_browser: NewBrowser, people: Any
) -> None:
    bob = sign_in(browser, "bob")
    sign_in(browser, "ann")
    elsewhere = new_browser()
    sign_in(elsewhere, "ann")
    assert browser.api("POST", "/revoke-sessions", {}).status_code == 200
    assert (active(browser), active(elsewhere), listed(browser)) == (None, None, ["bob"])
    assert call(browser, "set-active", bob).status_code == 200
    assert active(browser) == "bob"


def test_acting_in_somebodys_name_is_not_kept_and_ends_no_session_of_theirs(
    browser: ApiClient, people: Any
) -> None:
    users.update(people["ann"], role="admin")
    sign_in(browser, "bob")
    sign_in(browser, "ann")
    response = browser.api("POST", "/admin/impersonate-user", {"userId": people["bob"].id})
    assert (response.status_code, kept_sessions(response)) == (200, {})
    assert (active(browser), listed(browser)) == ("bob", ["ann", "bob"])
    assert browser.api("POST", "/admin/stop-impersonating", {}).status_code == 200
    assert active(browser) == "ann"


def test_a_renewed_session_stays_on_the_device(
    browser: ApiClient, people: Any, frozen_time: FrozenTime
) -> None:
    token = sign_in(browser, "ann")
    frozen_time.advance(days=2)
    response = browser.api("GET", "/get-session")
    assert "; Max-Age=604800;" in kept_sessions(response)[token.lower()]


def test_a_fault_while_making_room_leaves_the_sign_in_alone(
    browser: ApiClient, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(browser, "ann")

    def fail(execute: Any, sql: str, *more: Any) -> Any:
        if "better_auth_sessions" in sql and sql.startswith("SELECT") and "token_hash" in sql:
            raise OperationalError("the connection is gone")
        return execute(sql, *more)

    with connection.execute_wrapper(fail):
        response = browser.sign_in("bob@example.com")
    assert (response.status_code, kept_sessions(response), active(browser)) == (200, {}, "bob")


@pytest.mark.parametrize("body", [{}, {"sessionToken": 5}, {"sessionToken": None}, {"sessionToken": "a\x00"}])
def test_bodies_are_checked(browser: ApiClient, body: Any) -> None:
    response = browser.api("POST", "/multi-session/set-active", body)
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")


def test_the_revoking_of_a_session_needs_one(browser: ApiClient, people: Any) -> None:
    assert answered(call(browser, "revoke", "x"))[0] == 401
    sign_in(browser, "ann")
    assert answered(call(browser, "revoke", "x" * 100_000)) == REFUSED


def test_without_the_feature_there_is_none_of_it(
    browser: ApiClient, people: Any, configure: Configure
) -> None:
    configure(FEATURES=["bearer"])
    assert kept_sessions(browser.sign_in()) == {}
    assert browser.api("GET", "/multi-session/list-device-sessions").status_code == 404
