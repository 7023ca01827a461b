"""A session carried to another client (jwt-bearer-multisession.md, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth import users
from better_auth.crypto.identifiers import token_digest
from better_auth.models import AuditEntry, Session, Verification
from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient, FrozenTime
from tests.protocol import TOKEN, answered, refusal, token_in_cookie

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
NewBrowser = Callable[..., ApiClient]
INVALID = (400, {"message": "Invalid token"})


@pytest.fixture
def ann(frozen_time: FrozenTime, make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


@pytest.fixture
def signed_in(browser: ApiClient, ann: UserRecord) -> ApiClient:
    browser.sign_in()
    return browser


def generate(browser: ApiClient) -> str:
    response = browser.api("GET", "/one-time-token/generate")
    assert response.status_code == 200
    assert TOKEN.fullmatch(response.json()["token"])
    return str(response.json()["token"])


def verify(browser: ApiClient, token: Any) -> Any:
    return browser.api("POST", "/one-time-token/verify", {"token": token})


def test_it_carries_the_same_session_once(signed_in: ApiClient, new_browser: NewBrowser) -> None:
    token, other = generate(signed_in), new_browser()
    response = verify(other, token)
    assert answered(response) == (200, signed_in.session())
    assert token_in_cookie(response) == signed_in.session()["session"]["token"]
    assert (other.session(), Session.objects.count()) == (signed_in.session(), 1)
    assert answered(verify(new_browser(), token)) == INVALID
    entry = AuditEntry.objects.get(event_type="session_handed_over")
    assert entry.subject_id == signed_in.session()["user"]["id"]


def test_what_rests_opens_nothing(signed_in: ApiClient, new_browser: NewBrowser) -> None:
    token, session_token = generate(signed_in), signed_in.session()["session"]["token"]
    row = Verification.objects.get(purpose="one-time-token")
    kept = f"{row.digest} {row.payload} {row.subject}"
    assert row.digest == token_digest(token)
    assert (token in kept, session_token in kept) == (False, False)
    assert answered(verify(new_browser(), row.digest)) == INVALID


@pytest.mark.parametrize(("minutes", "is_good"), [(2.9, True), (3, False)])
def test_it_is_good_for_some_minutes(
    signed_in: ApiClient, new_browser: NewBrowser, frozen_time: FrozenTime, minutes: float, is_good: bool
) -> None:
    token = generate(signed_in)
    frozen_time.advance(minutes=minutes)
    assert (verify(new_browser(), token).status_code == 200) is is_good


@pytest.mark.parametrize("ends", ["sign-out", "expiry", "ban"])
def test_a_session_that_is_over_is_not_carried(
    signed_in: ApiClient,
    new_browser: NewBrowser,
    frozen_time: FrozenTime,
    configure: Configure,
    ann: UserRecord,
    ends: str,
) -> None:
    configure(ONE_TIME_TOKEN={"EXPIRES_IN_MINUTES": 60 * 24 * 30})
    token, other = generate(signed_in), new_browser()
    if ends == "sign-out":
        signed_in.api("POST", "/sign-out", {})
    elif ends == "ban":
        users.update(ann, banned=True)
    else:
        frozen_time.advance(days=8)
    expected = "Session not found" if ends == "sign-out" else "Session expired"
    assert answered(verify(other, token)) == (400, {"message": expected})
    assert answered(verify(other, token)) == INVALID  # spent all the same
    assert other.session() is None


def test_nobody_gets_one(browser: ApiClient) -> None:
    assert answered(browser.api("GET", "/one-time-token/generate")) == (401, refusal("UNAUTHORIZED"))


def test_a_new_secret_voids_what_is_out(
    signed_in: ApiClient, new_browser: NewBrowser, configure: Configure
) -> None:
    token = generate(signed_in)
    configure(SECRET="another secret, 0123456789abcdefghijklm")
    assert answered(verify(new_browser(), token)) == INVALID


@pytest.mark.parametrize("token", ["", "x", "x" * 100_000, "\ud800é"[1:], "0" * 64])
def test_what_is_none_is_refused(browser: ApiClient, token: str) -> None:
    assert answered(verify(browser, token)) == INVALID


@pytest.mark.parametrize("body", [{}, {"token": 5}, {"token": None}, {"token": "a\x00"}, []])
def test_bodies_are_checked(browser: ApiClient, body: Any) -> None:
    response = browser.api("POST", "/one-time-token/verify", body)
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")


def test_clients_may_be_kept_from_asking(
    signed_in: ApiClient, browser: ApiClient, configure: Configure
) -> None:
    configure(ONE_TIME_TOKEN={"DISABLE_CLIENT_REQUEST": True})
    response = signed_in.api("GET", "/one-time-token/generate")
    assert answered(response) == (400, {"message": "Client requests are disabled"})


def test_the_answer_may_go_without_a_cookie(
    signed_in: ApiClient, new_browser: NewBrowser, configure: Configure
) -> None:
    configure(ONE_TIME_TOKEN={"DISABLE_SET_SESSION_COOKIE": True})
    response = verify(new_browser(), generate(signed_in))
    assert (response.status_code, list(response.cookies)) == (200, [])


def test_new_sessions_may_bring_one(
    browser: ApiClient, new_browser: NewBrowser, ann: UserRecord, configure: Configure
) -> None:
    assert "set-ott" not in browser.sign_in().headers
    configure(ONE_TIME_TOKEN={"SET_HEADER_ON_NEW_SESSIONS": True})
    response = browser.sign_in()
    assert "set-ott" in response.headers["Access-Control-Expose-Headers"].split(", ")
    assert verify(new_browser(), response.headers["set-ott"]).json() == browser.session()
    assert "set-ott" not in browser.api("GET", "/get-session").headers


def test_without_the_feature_there_is_none_of_it(signed_in: ApiClient, configure: Configure) -> None:
    configure(FEATURES=["bearer"])
    assert signed_in.api("GET", "/one-time-token/generate").status_code == 404
    assert verify(signed_in, "x").status_code == 404
