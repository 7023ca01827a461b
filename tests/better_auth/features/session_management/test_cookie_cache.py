"""The signed copy of the session in a cookie (sessions-and-cookies.md, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.db import transaction

from better_auth import clock, sessions
from better_auth.crypto.jose import sign_hs256
from better_auth.crypto.signing import sign_value
from better_auth.models import Session
from better_auth.storage import revocations
from better_auth.storage.records import UserRecord
from tests import protocol
from tests.conftest import PASSWORD, ApiClient, FrozenTime
from tests.protocol import (
    CLEARED,
    SESSION_DATA,
    SESSION_TOKEN,
    answered,
    link_in,
    refusal,
    set_cookies,
)

# Marks of a revocation are set after the commit.
pytestmark = pytest.mark.django_db(transaction=True)
Configure = Callable[..., None]
NewBrowser = Callable[..., ApiClient]
STRATEGIES = ["compact", "jwt", "jwe"]
DROPPED = CLEARED[SESSION_DATA]


@pytest.fixture(params=STRATEGIES)
def strategy(request: pytest.FixtureRequest, configure: Configure) -> str:
    configure(SESSION={"COOKIE_CACHE": {"ENABLED": True, "STRATEGY": request.param}})
    return str(request.param)


@pytest.fixture
def compact(configure: Configure) -> None:
    configure(SESSION={"COOKIE_CACHE": {"ENABLED": True}})


@pytest.fixture
def ann(make_user: Callable[..., UserRecord], frozen_time: FrozenTime) -> UserRecord:
    return make_user(name="Zoë 日本")


def get(browser: ApiClient, query: str = "") -> Any:
    return browser.api("GET", f"/get-session{query}")


def copy_cookies(source: ApiClient, target: ApiClient) -> ApiClient:
    for name, morsel in source.cookies.items():
        target.cookies[name] = morsel.value
    return target


@pytest.mark.usefixtures("strategy", "ann")
def test_copy_answers_without_the_store(browser: ApiClient) -> None:
    cookies = set_cookies(browser.sign_in())
    assert list(cookies) == [SESSION_TOKEN, SESSION_DATA]
    assert cookies[SESSION_DATA].endswith(f"; Max-Age=300; {protocol.ATTRIBUTES}")
    stored = get(browser, "?disableCookieCache=true").json()
    Session.objects.all().delete()
    response = get(browser)
    assert (response.json(), set_cookies(response)) == (stored, {})
    assert get(browser).headers["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("strategy", "ann")
def test_every_other_endpoint_asks_the_store(browser: ApiClient) -> None:
    browser.sign_in()
    Session.objects.all().delete()
    response = browser.api("GET", "/list-accounts")
    assert (answered(response), set_cookies(response)) == ((401, refusal("UNAUTHORIZED")), CLEARED)


@pytest.mark.usefixtures("strategy", "ann")
@pytest.mark.parametrize("query", ["?disableCookieCache=true", "?disableCookieCache=0"])
def test_a_request_may_ask_for_the_store(browser: ApiClient, query: str) -> None:
    browser.sign_in()
    Session.objects.all().delete()
    response = get(browser, query)
    assert (answered(response), set_cookies(response)) == ((200, "null"), CLEARED)


@pytest.mark.usefixtures("strategy", "ann")
def test_copy_lives_for_max_age_and_is_then_written_anew(browser: ApiClient, frozen_time: FrozenTime) -> None:
    browser.sign_in()
    frozen_time.advance(seconds=299)
    assert set_cookies(get(browser)) == {}
    frozen_time.advance(seconds=20)
    response = get(browser)
    assert list(set_cookies(response)) == [SESSION_DATA]
    Session.objects.all().delete()
    assert get(browser).json() == response.json()


@pytest.mark.usefixtures("ann")
def test_lifetime_is_a_setting(browser: ApiClient, frozen_time: FrozenTime, configure: Configure) -> None:
    configure(SESSION={"COOKIE_CACHE": {"ENABLED": True, "MAX_AGE": 10}})
    assert "; Max-Age=10;" in set_cookies(browser.sign_in())[SESSION_DATA]
    frozen_time.advance(seconds=11)
    assert list(set_cookies(get(browser))) == [SESSION_DATA]


@pytest.mark.usefixtures("strategy", "ann")
@pytest.mark.parametrize("place", [0, 10, -1, "half", "empty", "other"])
def test_a_tampered_copy_is_not_believed(browser: ApiClient, place: Any, settings: Any) -> None:
    browser.sign_in()
    before = get(browser).json()
    value = browser.cookies[SESSION_DATA].value
    if isinstance(place, int):
        at = place % len(value)
        tampered = value[:at] + ("B" if value[at] == "A" else "A") + value[at + 1 :]
    else:
        link = sign_hs256({"email": "ann@example.com"}, secret=settings.BETTER_AUTH["SECRET"])
        tampered = {"half": value[: len(value) // 2], "empty": "", "other": link}[place]
    browser.cookies[SESSION_DATA] = tampered
    response = get(browser)
    assert (response.json(), list(set_cookies(response))) == (before, [SESSION_DATA])
    browser.cookies[SESSION_DATA] = tampered
    Session.objects.all().delete()
    assert answered(get(browser)) == (200, "null")


@pytest.mark.usefixtures("strategy", "ann")
def test_swapped_cookies_make_nobody_somebody_else(
    browser: ApiClient, new_browser: NewBrowser, make_user: Callable[..., UserRecord]
) -> None:
    make_user("bob@example.com")
    bob = new_browser()
    bob.sign_in("bob@example.com")
    browser.sign_in()
    browser.cookies[SESSION_DATA] = bob.cookies[SESSION_DATA].value
    response = get(browser)
    assert response.json()["user"]["email"] == "ann@example.com"
    assert list(set_cookies(response)) == [SESSION_DATA]


@pytest.mark.usefixtures("strategy", "ann")
def test_a_copy_alone_is_nothing(browser: ApiClient, new_browser: NewBrowser) -> None:
    browser.sign_in()
    thief = new_browser()
    thief.cookies[SESSION_DATA] = browser.cookies[SESSION_DATA].value
    assert answered(get(thief)) == (200, "null")


@pytest.mark.usefixtures("strategy", "ann")
def test_a_copy_under_an_old_secret_is_not_believed(browser: ApiClient, configure: Configure) -> None:
    token = browser.sign_in().json()["token"]
    secret = "a new secret that is long enough for us"
    configure(SECRET=secret)
    browser.cookies[SESSION_TOKEN] = sign_value(token, secret=secret)
    assert list(set_cookies(get(browser))) == [SESSION_DATA]
    assert set_cookies(get(browser)) == {}


@pytest.mark.usefixtures("strategy", "ann")
def test_a_copy_of_another_version_is_not_believed(browser: ApiClient, configure: Configure) -> None:
    browser.sign_in()
    configure(SESSION={"COOKIE_CACHE": {"VERSION": "2"}})
    assert list(set_cookies(get(browser))) == [SESSION_DATA]
    assert set_cookies(get(browser)) == {}


@pytest.mark.usefixtures("strategy", "ann")
def test_a_copy_never_outlives_its_session(
    browser: ApiClient, frozen_time: FrozenTime, configure: Configure
) -> None:
    configure(SESSION={"EXPIRES_IN": 100, "UPDATE_AGE": 100})
    browser.sign_in()
    frozen_time.advance(seconds=99)
    assert get(browser).json() is not None
    frozen_time.advance(seconds=1)
    assert answered(get(browser)) == (200, "null")


def by_the_other(path: str, body: dict[str, Any]) -> Callable[[ApiClient, ApiClient, Any], Any]:
    return lambda other, own, mails: other.api("POST", path, body)


def reset_password(other: ApiClient, own: ApiClient, mails: Any) -> Any:
    other.api("POST", "/request-password-reset", {"email": "ann@example.com"})
    token = link_in(mails()[0]).partition("?")[0].rpartition("/")[2]
    return other.api("POST", "/reset-password", {"token": token, "newPassword": "another password"})


def revoke_session(other: ApiClient, own: ApiClient, mails: Any) -> Any:
    return other.api("POST", "/revoke-session", {"token": own.session()["session"]["token"]})


def sign_out(other: ApiClient, own: ApiClient, mails: Any) -> Any:
    return copy_cookies(own, ApiClient()).api("POST", "/sign-out", {})


@pytest.mark.usefixtures("strategy", "ann")
@pytest.mark.parametrize(
    "end",
    [
        revoke_session,
        sign_out,
        reset_password,
        by_the_other("/revoke-sessions", {}),
        by_the_other("/revoke-other-sessions", {}),
        by_the_other(
            "/change-password",
            {"currentPassword": PASSWORD, "newPassword": "another password", "revokeOtherSessions": True},
        ),
        by_the_other("/delete-user", {"password": PASSWORD}),
    ],
    ids=[
        "revoke-session",
        "sign-out",
        "reset-password",
        "revoke-sessions",
        "revoke-other-sessions",
        "change-password",
        "delete-user",
    ],
)
def test_copy_of_a_revoked_session_is_dead_at_once(
    browser: ApiClient, new_browser: NewBrowser, configure: Configure, mails: Any, end: Any
) -> None:
    configure(EMAIL_PASSWORD={"REVOKE_SESSIONS_ON_RESET": True})
    other = new_browser()
    browser.sign_in()
    other.sign_in()
    assert browser.session() is not None
    assert end(other, browser, mails).status_code == 200
    response = get(browser)
    assert (answered(response), set_cookies(response)) == ((200, "null"), CLEARED)


@pytest.mark.usefixtures("compact", "ann")
def test_a_change_of_the_user_shows_at_once_everywhere(browser: ApiClient, new_browser: NewBrowser) -> None:
    elsewhere = new_browser()
    elsewhere.sign_in()
    response = browser.sign_in() and browser.api("POST", "/update-user", {"name": "Anna"})
    assert list(set_cookies(response)) == [SESSION_TOKEN, SESSION_DATA]
    assert browser.session()["user"]["name"] == "Anna"
    assert elsewhere.session()["user"]["name"] == "Anna"


@pytest.mark.usefixtures("compact", "ann")
def test_a_copy_that_was_made_while_the_revocation_was_under_way_is_dead(
    browser: ApiClient, ann: UserRecord, frozen_time: FrozenTime
) -> None:
    browser.sign_in()
    with transaction.atomic():
        sessions.revoke_all(ann)
        frozen_time.advance(seconds=2)
        copied_at = clock.epoch_ms(frozen_time.now)
        frozen_time.advance(seconds=2)
    assert revocations.is_revoked(session_id="any", user_id=ann.id, copied_at_ms=copied_at)
    assert not revocations.is_revoked(session_id="any", user_id=ann.id, copied_at_ms=copied_at + 2001)


@pytest.mark.usefixtures("compact", "ann")
def test_sessions_of_others_keep_their_copies(
    browser: ApiClient, new_browser: NewBrowser, make_user: Callable[..., UserRecord]
) -> None:
    make_user("bob@example.com")
    bob = new_browser()
    bob.sign_in("bob@example.com")
    browser.sign_in()
    browser.api("POST", "/revoke-sessions", {})
    Session.objects.all().delete()
    assert bob.session()["user"]["email"] == "bob@example.com"


class BrokenCache(LocMemCache):
    def get_many(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("the cache is away")


@pytest.mark.usefixtures("strategy", "ann")
def test_without_the_cache_the_store_decides(browser: ApiClient, settings: Any) -> None:
    browser.sign_in()
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.BrokenCache"}}
    assert list(set_cookies(get(browser))) == [SESSION_DATA]
    Session.objects.all().delete()
    assert answered(get(browser)) == (200, "null")


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize(("strategy", "seconds"), [("compact", 60), ("jwt", 300), ("jwe", 300)])
def test_copy_of_a_session_that_is_not_remembered(
    browser: ApiClient, frozen_time: FrozenTime, configure: Configure, strategy: str, seconds: int
) -> None:
    configure(SESSION={"COOKIE_CACHE": {"ENABLED": True, "STRATEGY": strategy, "MAX_AGE": 3000}})
    cookies = set_cookies(browser.sign_in(rememberMe=False))
    assert list(cookies) == [SESSION_TOKEN, protocol.DONT_REMEMBER, SESSION_DATA]
    assert not any("Max-Age" in header for header in cookies.values())
    row = Session.objects.get()
    Session.objects.all().delete()
    frozen_time.advance(seconds=seconds - 1)
    assert get(browser).json() is not None
    row.save(force_insert=True)
    frozen_time.advance(seconds=20)
    response = get(browser)
    assert response.json() is not None
    assert set(set_cookies(response).values()) <= {DROPPED}


@pytest.mark.usefixtures("strategy", "ann")
def test_renewal_writes_the_copy(browser: ApiClient, frozen_time: FrozenTime) -> None:
    browser.sign_in()
    frozen_time.advance(days=2)
    response = get(browser)
    assert list(set_cookies(response)) == [SESSION_TOKEN, SESSION_DATA]
    Session.objects.all().delete()
    assert get(browser).json() == response.json()
    assert response.json()["session"]["updatedAt"] == clock.iso(frozen_time.now)


@pytest.mark.usefixtures("compact", "ann")
def test_deferred_refresh_says_nothing_when_answered_from_the_copy(
    browser: ApiClient, configure: Configure
) -> None:
    configure(SESSION={"DEFER_REFRESH": True})
    browser.sign_in()
    assert set(get(browser).json()) == {"session", "user"}
    assert set(get(browser, "?disableCookieCache=1").json()) == {"session", "user", "needsRefresh"}


@pytest.mark.usefixtures("strategy", "ann")
def test_a_long_copy_is_cut_in_pieces(browser: ApiClient, frozen_time: FrozenTime) -> None:
    browser.sign_in()
    cookies = set_cookies(browser.api("POST", "/update-user", {"image": "data:" + "ä" * 6000}))
    pieces = [name for name in cookies if name.startswith(f"{SESSION_DATA}.")]
    assert pieces == [f"{SESSION_DATA}.{number}" for number in range(len(pieces))]
    assert len(pieces) > 2
    assert cookies[SESSION_DATA] == DROPPED
    assert all(len(cookies[name]) == 4049 for name in pieces[:-1])
    assert all(cookies[name].endswith(f"; Max-Age=300; {protocol.ATTRIBUTES}") for name in pieces)
    frozen_time.advance(milliseconds=1)
    stored = get(browser, "?disableCookieCache=1").json()
    Session.objects.all().delete()
    assert get(browser).json() == stored


@pytest.mark.usefixtures("compact", "ann")
def test_pieces_of_a_longer_copy_are_dropped(browser: ApiClient) -> None:
    browser.sign_in()
    browser.api("POST", "/update-user", {"image": "x" * 9000})
    held = [name for name in browser.cookies if name.startswith(SESSION_DATA)]
    cookies = set_cookies(browser.api("POST", "/update-user", {"image": None}))
    assert [name for name in held if "Max-Age=0" in cookies[name]] == held
    assert "Max-Age=300" in cookies[SESSION_DATA]
    assert [name for name in browser.cookies if name.startswith(SESSION_DATA)] == [SESSION_DATA]


@pytest.mark.usefixtures("compact", "ann")
def test_a_copy_of_more_than_a_hundred_pieces_is_not_kept(browser: ApiClient) -> None:
    browser.sign_in()
    cookies = set_cookies(browser.api("POST", "/update-user", {"image": "x" * 400_000}))
    assert (set(cookies), cookies[SESSION_DATA]) == ({SESSION_TOKEN, SESSION_DATA}, DROPPED)
    assert len(browser.session()["user"]["image"]) == 400_000


@pytest.mark.usefixtures("compact", "ann")
def test_signing_out_drops_every_piece(browser: ApiClient) -> None:
    browser.sign_in()
    browser.api("POST", "/update-user", {"image": "x" * 9000})
    held = {name for name in browser.cookies if "_multi-" not in name}
    cookies = set_cookies(browser.api("POST", "/sign-out", {}))
    assert list(cookies)[:2] == [SESSION_TOKEN, SESSION_DATA]
    assert list(cookies)[-1] == protocol.DONT_REMEMBER
    assert set(cookies) == held | set(CLEARED)
    assert all("=; Max-Age=0; " in header for header in cookies.values())


@pytest.mark.usefixtures("compact", "ann")
@pytest.mark.parametrize("is_signed_in", [True, False])
def test_leftovers_are_dropped_when_copies_are_switched_off(
    browser: ApiClient, configure: Configure, is_signed_in: bool
) -> None:
    browser.sign_in()
    browser.api("POST", "/update-user", {"image": "x" * 9000})
    held = {name for name in browser.cookies if name.startswith(SESSION_DATA)}
    configure(SESSION={"COOKIE_CACHE": {"ENABLED": False}})
    if not is_signed_in:
        del browser.cookies[SESSION_TOKEN]
    response = get(browser)
    assert (response.json() is not None) is is_signed_in
    assert set(set_cookies(response)) == held | {SESSION_DATA}
    assert all("=; Max-Age=0; " in header for header in set_cookies(response).values())
    assert set_cookies(get(browser)) == {}


@pytest.mark.usefixtures("compact", "ann")
def test_bearer_and_the_copy_of_another_session(
    browser: ApiClient, new_browser: NewBrowser, make_user: Callable[..., UserRecord]
) -> None:
    make_user("bob@example.com")
    token = new_browser().sign_in("bob@example.com").json()["token"]
    browser.sign_in()
    browser.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    assert browser.session()["user"]["email"] == "bob@example.com"


@pytest.mark.usefixtures("compact")
def test_documents_cookies_are_accepted(browser: ApiClient, frozen_time: FrozenTime) -> None:
    frozen_time.now = clock.from_epoch_ms(1767323045678) + timedelta(seconds=299)
    browser.cookies[SESSION_TOKEN] = (
        "Bwc2ynysSeYILGBRp6guju7mWh6WEHcP.wgr1xgiFNPRZKWkpr4PTHBsrm3%2BEdJM47NSWxqyCCbs%3D"
    )
    browser.cookies[SESSION_DATA] = (
        "eyJzZXNzaW9uIjp7InNlc3Npb24iOnsiZXhwaXJlc0F0IjoiMjAyNy0wMS0wMlQwMzowNDowNS42NzhaIiwidG9rZW4iOiJCd2MyeW55"
        "c1NlWUlMR0JScDZndWp1N21XaDZXRUhjUCIsImNyZWF0ZWRBdCI6IjIwMjYtMDEtMDJUMDM6MDQ6MDUuNjc4WiIsInVwZGF0ZWRBdCI6"
        "IjIwMjYtMDEtMDJUMDM6MDQ6MDUuNjc4WiIsImlwQWRkcmVzcyI6IiIsInVzZXJBZ2VudCI6IiIsInVzZXJJZCI6InUxIiwiaWQiOiJz"
        "MSJ9LCJ1c2VyIjp7Im5hbWUiOiJab8OrIiwiZW1haWwiOiJhQGIuY28iLCJlbWFpbFZlcmlmaWVkIjpmYWxzZSwiaW1hZ2UiOm51bGws"
        "ImNyZWF0ZWRBdCI6IjIwMjYtMDEtMDJUMDM6MDQ6MDUuNjc4WiIsInVwZGF0ZWRBdCI6IjIwMjYtMDEtMDJUMDM6MDQ6MDUuNjc4WiIs"
        "ImlkIjoidTEifSwidXBkYXRlZEF0IjoxNzY3MzIzMDQ1Njc4LCJ2ZXJzaW9uIjoiMSJ9LCJleHBpcmVzQXQiOjE3NjczMjMzNDU2Nzgs"
        "InNpZ25hdHVyZSI6IjV1VzhGZHRReVV6TE81elQ4ZWlPZVZaWlBmbjJhcmw0d3lBWlhPOXB1b2cifQ"
    )
    shown = get(browser).json()
    assert (shown["user"]["name"], shown["user"]["id"], shown["session"]["id"]) == ("Zoë", "u1", "s1")
    frozen_time.advance(seconds=2)
    assert answered(get(browser)) == (200, "null")
