"""``POST /revoke`` (RFC 7009): whoever holds a token may end it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from better_auth.crypto.signing import sign_raw
from better_auth.models import AuditEntry, RefreshToken, Session
from better_auth.storage.records import UserRecord
from tests.conftest import PASSWORD, ApiClient

pytestmark = pytest.mark.usefixtures("commits")
SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCD"


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


@pytest.fixture
def holder(new_browser: Callable[..., ApiClient]) -> ApiClient:
    return new_browser()


def revoke(holder: ApiClient, token: str, **more: Any) -> tuple[int, Any]:
    answer = holder.api("POST", "/revoke", {"token": token, **more})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("is_signed", [True, False])
def test_a_session(browser: ApiClient, holder: ApiClient, ann: UserRecord, is_signed: bool) -> None:
    token = browser.sign_in().json()["token"]
    assert revoke(holder, sign_raw(token, secret=SECRET) if is_signed else token) == (200, {})
    assert browser.session() is None
    entry = AuditEntry.objects.get(event_type="session_revoked")
    assert entry.subject_id == ann.id


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_a_family_of_the_browsers_session_leaves_that_alone(
    browser: ApiClient, holder: ApiClient, ann: UserRecord, kind: str
) -> None:
    browser.sign_in()
    given = browser.api("POST", "/token", {"format": "opaque"}).json()
    assert revoke(holder, given[kind], token_type_hint="refresh_token") == (200, {})
    assert not RefreshToken.objects.exists()
    assert holder.api("POST", "/token", {"refresh_token": given["refresh_token"]}).status_code == 400
    assert browser.session()["user"]["id"] == ann.id
    assert AuditEntry.objects.get(event_type="refresh_token_revoked").subject_id == ann.id


def test_a_family_that_owns_its_session_takes_it_along(holder: ApiClient, ann: UserRecord) -> None:
    given = holder.api("POST", "/token", {"email": ann.email, "password": PASSWORD}).json()
    assert revoke(holder, given["refresh_token"]) == (200, {})
    assert not Session.objects.exists()


def test_a_jwt_can_not_be_called_back(browser: ApiClient, holder: ApiClient, ann: UserRecord) -> None:
    browser.sign_in()
    status, told = revoke(holder, browser.api("GET", "/token").json()["token"])
    assert (status, told["error"]) == (400, "unsupported_token_type")


@pytest.mark.parametrize(
    "token",
    ["", "x", "x" * 32, "a.b.c", "at_" + "0" * 85, "rt_" + "x" * 67, "é", "%zz", "x" * 65536, "sid_x"],
    ids=lambda token: f"{token[:8]!r} {len(token)}",
)
def test_what_is_unknown_is_as_good_as_revoked(holder: ApiClient, db: None, token: str) -> None:
    assert revoke(holder, token) == (200, {})


def test_twice_is_once(browser: ApiClient, holder: ApiClient, ann: UserRecord) -> None:
    token = browser.sign_in().json()["token"]
    assert revoke(holder, token) == revoke(holder, token) == (200, {})
    assert AuditEntry.objects.filter(event_type="session_revoked").count() == 1


@pytest.mark.parametrize("body", [{}, {"token": 1}, {"token": None}, [], None])
def test_bad_bodies_are_400(holder: ApiClient, db: None, body: Any) -> None:
    answer = holder.api("POST", "/revoke", json.dumps(body), content_type="application/json")
    assert answer.status_code == 400
