"""``/get-session`` and ``/update-session`` (core.md, section 3)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from better_auth import clock, users
from better_auth.models import Session
from better_auth.storage.records import UserRecord
from tests import protocol
from tests.conftest import ApiClient, FrozenTime
from tests.protocol import CLEARED, answered, invalid, refusal, set_cookies

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
WEEK, DAY = 604800, 86400
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


def test_nobody_is_null(browser: ApiClient) -> None:
    response = get(browser)
    assert (answered(response), set_cookies(response)) == ((200, "null"), {})
    assert (response.headers["Cache-Control"], response.headers["Pragma"]) == ("no-store", "no-cache")


def test_session_and_user(signed_in: ApiClient, ann: UserRecord, frozen_time: FrozenTime) -> None:
    response = get(signed_in)
    session = response.json()["session"]
    assert (set(response.json()), set_cookies(response)) == ({"session", "user"}, {})
    assert response.headers["Cache-Control"] == "no-store"
    assert session["userId"] == response.json()["user"]["id"] == ann.id
    now = clock.iso(frozen_time.now)
    assert (session["createdAt"], session["updatedAt"]) == (now, now)
    assert session["expiresAt"] == clock.iso(frozen_time.now + timedelta(seconds=WEEK))


@pytest.mark.parametrize("cookie", ["x", "x.y", "", "%", "a" * 9000])
def test_a_cookie_that_we_did_not_sign_is_none(browser: ApiClient, cookie: str) -> None:
    browser.cookies[protocol.SESSION_TOKEN] = cookie
    response = get(browser)
    assert (answered(response), set_cookies(response)) == ((200, "null"), {})


def test_a_tampered_cookie_is_none(signed_in: ApiClient) -> None:
    cookie = signed_in.cookies[protocol.SESSION_TOKEN]
    signed_in.cookies[protocol.SESSION_TOKEN] = "a" + cookie.value[1:] if cookie.value[0] != "a" else "b"
    response = get(signed_in)
    assert (answered(response), set_cookies(response)) == ((200, "null"), {})


def test_the_cookie_of_a_dead_session_is_expired(signed_in: ApiClient) -> None:
    Session.objects.all().delete()
    response = get(signed_in)
    assert (answered(response), set_cookies(response)) == ((200, "null"), CLEARED)
    assert list(set_cookies(response)) == list(CLEARED)


def test_an_expired_session_is_gone(signed_in: ApiClient, frozen_time: FrozenTime) -> None:
    frozen_time.advance(seconds=WEEK - 1, milliseconds=999)
    assert answered(get(signed_in, "?disableRefresh=1"))[1] != "null"
    frozen_time.advance(milliseconds=1)
    response = get(signed_in)
    assert (answered(response), set_cookies(response)) == ((200, "null"), CLEARED)
    assert not Session.objects.exists()


@pytest.mark.parametrize("columns", [{"banned": True}, {"is_active": False}, {"deleted_at": "now"}])
def test_whoever_is_shut_out_is_signed_out(
    signed_in: ApiClient, ann: UserRecord, frozen_time: FrozenTime, columns: dict[str, Any]
) -> None:
    columns = {name: frozen_time.now if value == "now" else value for name, value in columns.items()}
    get_user_model().objects.filter(pk=ann.key).update(**columns)
    assert answered(signed_in.api("GET", "/list-sessions")) == UNAUTHORIZED
    signed_in.cookies.clear()
    assert signed_in.session() is None


def test_use_renews_after_update_age(signed_in: ApiClient, frozen_time: FrozenTime) -> None:
    before = get(signed_in).json()["session"]
    frozen_time.advance(seconds=DAY - 1, milliseconds=999)
    early = get(signed_in)
    assert (early.json()["session"], set_cookies(early)) == (before, {})
    frozen_time.advance(milliseconds=1)
    renewed = get(signed_in)
    assert set(set_cookies(renewed)) == {protocol.SESSION_TOKEN}
    assert "; Max-Age=604800;" in set_cookies(renewed)[protocol.SESSION_TOKEN]
    assert protocol.token_in_cookie(renewed) == before["token"]
    assert renewed.json()["session"] == {
        **before,
        "expiresAt": clock.iso(frozen_time.now + timedelta(seconds=WEEK)),
        "updatedAt": clock.iso(frozen_time.now),
    }
    again = get(signed_in)
    assert (again.json(), set_cookies(again)) == (renewed.json(), {})


def test_any_endpoint_renews(signed_in: ApiClient, frozen_time: FrozenTime) -> None:
    frozen_time.advance(days=2)
    response = signed_in.api("GET", "/list-accounts")
    assert "; Max-Age=604800;" in set_cookies(response)[protocol.SESSION_TOKEN]
    assert Session.objects.get().expires_at == frozen_time.now + timedelta(seconds=WEEK)


@pytest.mark.django_db(transaction=True)
def test_of_many_requests_at_once_one_renews_and_all_go_on(make_user: Callable[..., UserRecord]) -> None:
    make_user()
    token = ApiClient().sign_in().json()["token"]
    due = clock.now() + timedelta(days=5)
    Session.objects.update(expires_at=due)
    answers: list[tuple[int, Any, set[str]]] = []
    start = threading.Barrier(16)

    def use() -> None:
        try:
            browser = ApiClient(headers={"authorization": f"Bearer {token}"})
            start.wait(timeout=90)
            response = get(browser)
            answers.append((response.status_code, response.json()["session"], set(set_cookies(response))))
        finally:
            connection.close()

    threads = [threading.Thread(target=use) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
    assert len(answers) == 16
    row = Session.objects.get()
    assert row.expires_at > due
    for status, session, _ in answers:
        assert (status, session["updatedAt"], session["token"]) == (200, clock.iso(row.updated_at), token)
    assert any(names for _, _, names in answers)


def test_update_age_of_zero_renews_at_each_use(
    signed_in: ApiClient, frozen_time: FrozenTime, configure: Configure
) -> None:
    configure(SESSION={"UPDATE_AGE": 0})
    for _ in range(3):
        frozen_time.advance(milliseconds=1)
        response = get(signed_in)
        assert set(set_cookies(response)) == {protocol.SESSION_TOKEN}
        assert response.json()["session"]["updatedAt"] == clock.iso(frozen_time.now)


def test_lifetime_is_a_setting(
    browser: ApiClient, ann: UserRecord, frozen_time: FrozenTime, configure: Configure
) -> None:
    configure(SESSION={"EXPIRES_IN": 600, "UPDATE_AGE": 60})
    assert "; Max-Age=600;" in set_cookies(browser.sign_in())[protocol.SESSION_TOKEN]
    frozen_time.advance(seconds=60)
    assert "; Max-Age=600;" in set_cookies(get(browser))[protocol.SESSION_TOKEN]
    frozen_time.advance(seconds=600)
    assert browser.session() is None


@pytest.mark.parametrize(
    ("query", "renews"),
    [
        ("?disableRefresh=true", False),
        ("?disableRefresh=false", False),
        ("?disableRefresh=0", False),
        ("?disableRefresh=", True),
        ("?disableRefresh=&disableRefresh=", False),
        ("?disableCookieCache=true", True),
    ],
)
def test_a_request_may_ask_for_no_renewal(
    signed_in: ApiClient, frozen_time: FrozenTime, query: str, renews: bool
) -> None:
    frozen_time.advance(days=2)
    response = get(signed_in, query)
    assert bool(set_cookies(response)) is renews
    assert (response.json()["session"]["updatedAt"] == clock.iso(frozen_time.now)) is renews


def test_renewal_can_be_switched_off(
    signed_in: ApiClient, frozen_time: FrozenTime, configure: Configure
) -> None:
    configure(SESSION={"DISABLE_REFRESH": True})
    frozen_time.advance(days=6)
    response = get(signed_in)
    assert set_cookies(response) == {}
    frozen_time.advance(days=1)
    assert signed_in.session() is None


def test_a_session_that_is_not_remembered_ends_after_a_day(
    browser: ApiClient, ann: UserRecord, frozen_time: FrozenTime, configure: Configure
) -> None:
    configure(SESSION={"UPDATE_AGE": 0})
    browser.sign_in(rememberMe=False)
    before = browser.session()
    frozen_time.advance(seconds=DAY - 1)
    response = get(browser)
    assert (response.json(), set_cookies(response)) == (before, {})
    frozen_time.advance(seconds=1)
    response = get(browser)
    assert (answered(response), set_cookies(response)) == ((200, "null"), CLEARED)


def test_a_forged_mark_does_not_stop_renewal(signed_in: ApiClient, frozen_time: FrozenTime) -> None:
    signed_in.cookies[protocol.DONT_REMEMBER] = "true"
    frozen_time.advance(days=2)
    assert "; Max-Age=604800;" in set_cookies(get(signed_in))[protocol.SESSION_TOKEN]


class TestDeferredRefresh:
    @pytest.fixture(autouse=True)
    def _deferred(self, configure: Configure) -> None:
        configure(SESSION={"DEFER_REFRESH": True})

    def test_get_tells_and_post_renews(self, signed_in: ApiClient, frozen_time: FrozenTime) -> None:
        fresh = get(signed_in).json()
        assert fresh["needsRefresh"] is False
        frozen_time.advance(days=2)
        due = get(signed_in)
        assert (due.json(), set_cookies(due)) == ({**fresh, "needsRefresh": True}, {})
        renewed = signed_in.api("POST", "/get-session", {})
        assert set(renewed.json()) == {"session", "user"}
        assert renewed.json()["session"]["updatedAt"] == clock.iso(frozen_time.now)
        assert "; Max-Age=604800;" in set_cookies(renewed)[protocol.SESSION_TOKEN]
        assert get(signed_in).json() == {**renewed.json(), "needsRefresh": False}

    def test_get_never_writes(self, signed_in: ApiClient, frozen_time: FrozenTime) -> None:
        frozen_time.advance(days=8)
        response = get(signed_in)
        assert (answered(response), set_cookies(response)) == ((200, "null"), CLEARED)
        assert Session.objects.count() == 1

    def test_post_deletes_what_has_expired(self, signed_in: ApiClient, frozen_time: FrozenTime) -> None:
        frozen_time.advance(days=8)
        response = signed_in.api("POST", "/get-session", {})
        assert (answered(response), set_cookies(response)) == ((200, "null"), CLEARED)
        assert not Session.objects.exists()

    @pytest.mark.parametrize("body", [b"", b"{", b"not json"])
    def test_body_is_never_read(self, signed_in: ApiClient, body: bytes) -> None:
        response = signed_in.api("POST", "/get-session", body, content_type="text/plain")
        assert set(response.json()) == {"session", "user"}

    def test_nobody_is_null(self, browser: ApiClient) -> None:
        assert answered(browser.api("POST", "/get-session", {})) == (200, "null")
        assert answered(get(browser)) == (200, "null")


def test_post_needs_deferred_refresh(signed_in: ApiClient) -> None:
    expected = (405, refusal("METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED"))
    assert answered(signed_in.api("POST", "/get-session", {})) == expected
    assert answered(signed_in.api("POST", "/get-session", b"x", content_type="text/plain")) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"message": "No fields to update"}),
        ({"token": "x", "userId": "y", "expiresAt": "z"}, {"message": "No fields to update"}),
        ({"activeOrganizationId": None}, {"message": "No fields to update"}),
        *(
            ({name: "x"}, {"message": f"{name} is not allowed to be set", "code": "FIELD_NOT_ALLOWED"})
            for name in ("activeOrganizationId", "activeTeamId", "impersonatedBy")
        ),
        ([], invalid("[body] Invalid input: expected record, received array")),
        (b"null", invalid("[body] Invalid input: expected record, received null")),
        (None, invalid("[body] Invalid input: expected record, received undefined")),
    ],
)
def test_a_session_has_no_fields_to_update(signed_in: ApiClient, body: Any, expected: dict[str, str]) -> None:
    before = signed_in.session()
    extra = {"content_type": "application/json"} if body is not None else {}
    assert answered(signed_in.api("POST", "/update-session", body, **extra)) == (400, expected)
    assert signed_in.session() == before


def test_switched_off_fields_are_unknown(signed_in: ApiClient, configure: Configure) -> None:
    configure(FEATURES=("bearer",))
    response = signed_in.api("POST", "/update-session", {"impersonatedBy": "x"})
    assert answered(response) == (400, {"message": "No fields to update"})


def test_change_of_the_user_shows_at_once_everywhere(signed_in: ApiClient, ann: UserRecord) -> None:
    users.update(ann, name="Anna")
    assert signed_in.session()["user"]["name"] == "Anna"
