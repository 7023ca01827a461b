"""The authentication class and the permissions for a host's views of Django REST framework."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIRequestFactory

from better_auth import clock, users
from better_auth.models import Session
from better_auth.storage.records import UserRecord
from tests.conftest import ORIGIN
from tests.host.credentials import TABLE, make_due, show
from tests.host.views import SignedIn

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.host.urls")]

COOKIE = "better-auth.session_token"
NOBODY = {"principal": None, "method": None, "user": None}
NOT_AUTHENTICATED = {"detail": "Authentication credentials were not provided."}
INVALID = {"detail": "Invalid credentials."}


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


def get(path: str, headers: dict[str, str]) -> Any:
    return Client(headers=headers).get(path)


def ensure_401(response: Any, body: dict[str, str]) -> None:
    assert response.status_code == 401
    assert response.json() == body
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(("state", "kind"), TABLE)
def test_the_credential_table(ann: UserRecord, state: str, kind: str) -> None:
    headers = show(ann, state, kind).headers
    guarded, unguarded = get("/drf/signed-in", headers), get("/drf/open", headers)
    if state == "valid":
        method = "session" if kind == "cookie" else "bearer"
        expected = {"principal": ann.email, "method": method, "user": ann.email}
        assert (guarded.status_code, guarded.json()) == (200, expected)
        assert (unguarded.status_code, unguarded.json()) == (200, expected)
    elif kind == "cookie" or state == "absent":
        ensure_401(guarded, NOT_AUTHENTICATED)
        assert (unguarded.status_code, unguarded.json()) == (200, NOBODY)
    else:
        ensure_401(guarded, INVALID)
        ensure_401(unguarded, INVALID)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"origin": "https://evil.example"}, "Invalid origin"),
        ({"referer": "https://evil.example/page"}, "Invalid origin"),
        ({"origin": "null"}, "Missing or null Origin"),
        ({}, "Missing or null Origin"),
    ],
)
def test_a_cookie_that_changes_something_must_come_from_a_trusted_origin(
    ann: UserRecord, headers: dict[str, str], message: str
) -> None:
    cookie = show(ann, "valid", "cookie").headers
    response = Client(headers={**cookie, **headers}).post("/drf/signed-in")
    assert response.status_code == 403
    assert response.json() == {"detail": message}


def test_a_trusted_origin_may_change_something(ann: UserRecord) -> None:
    cookie = show(ann, "valid", "cookie").headers
    response = Client(headers={**cookie, "origin": ORIGIN}).post("/drf/signed-in")
    assert (response.status_code, response.json()["principal"]) == (200, ann.email)


def test_a_bearer_needs_no_origin(ann: UserRecord) -> None:
    bearer = show(ann, "valid", "bare bearer").headers
    response = Client(headers={**bearer, "origin": "https://evil.example"}).post("/drf/signed-in")
    assert (response.status_code, response.json()["principal"]) == (200, ann.email)


def test_reading_with_a_cookie_needs_no_origin(ann: UserRecord) -> None:
    cookie = show(ann, "valid", "cookie").headers
    assert get("/drf/signed-in", {**cookie, "origin": "https://evil.example"}).status_code == 200


class TestPermissions:
    def test_fresh_is_a_sign_in_of_a_short_while_ago(
        self, ann: UserRecord, configure: Callable[..., None]
    ) -> None:
        shown = show(ann, "valid", "cookie")
        assert get("/drf/fresh", shown.headers).status_code == 200
        long_ago = clock.now() - timedelta(seconds=86401)
        Session.objects.filter(pk=shown.issued.session.id).update(created_at=long_ago)
        refused = get("/drf/fresh", shown.headers)
        assert (refused.status_code, refused.json()) == (403, {"detail": "Session is not fresh"})
        configure(SESSION={"FRESH_AGE": 0})
        assert get("/drf/fresh", shown.headers).status_code == 200

    def test_verified_is_a_proven_address(self, ann: UserRecord) -> None:
        headers = show(ann, "valid", "bare bearer").headers
        refused = get("/drf/verified", headers)
        assert (refused.status_code, refused.json()) == (403, {"detail": "Email not verified"})
        users.update(ann, email_verified=True)
        assert get("/drf/verified", headers).status_code == 200

    @pytest.mark.parametrize("path", ["/drf/signed-in", "/drf/fresh", "/drf/verified"])
    def test_nobody_is_asked_to_sign_in(self, path: str) -> None:
        ensure_401(get(path, {}), NOT_AUTHENTICATED)

    def test_credentials_without_a_session_are_never_fresh(
        self, ann: UserRecord, configure: Callable[..., None]
    ) -> None:
        configure(AUTHENTICATORS=["tests.host.authenticators.badge"], SESSION={"FRESH_AGE": 0})
        badge = {"authorization": f"Bearer badge-{ann.email}"}
        assert get("/drf/signed-in", badge).json()["principal"] == ann.email
        assert get("/drf/fresh", badge).status_code == 403
        ensure_401(get("/drf/signed-in", {"authorization": "Bearer badge-nobody@example.com"}), INVALID)


class TestRenewal:
    """A session must not live on in the store while its cookie ends in the browser."""

    def test_a_renewed_session_hands_its_cookie_over(
        self, ann: UserRecord, configure: Callable[..., None]
    ) -> None:
        shown = show(ann, "valid", "cookie")
        configure(SESSION={"EXPIRES_IN": 9000, "UPDATE_AGE": 60})
        make_due(shown.issued)
        response = get("/drf/signed-in", shown.headers)
        cookie = response.cookies[COOKIE].OutputString()
        assert cookie == f"{shown.headers['cookie']}; Max-Age=9000; Path=/; HttpOnly; SameSite=Lax"

    def test_without_the_middleware_nothing_is_renewed(
        self, ann: UserRecord, configure: Callable[..., None]
    ) -> None:
        shown = show(ann, "valid", "cookie")
        configure(SESSION={"EXPIRES_IN": 9000, "UPDATE_AGE": 60})
        make_due(shown.issued)
        request = APIRequestFactory().get("/", headers=shown.headers)
        response = SignedIn.as_view()(request)
        assert (response.status_code, response.data["principal"]) == (200, ann.email)
        row = Session.objects.get(pk=shown.issued.session.id)
        assert row.expires_at < clock.now() + timedelta(hours=2)


def test_who_calls_is_found_out_once(ann: UserRecord, django_assert_num_queries: Any) -> None:
    headers = show(ann, "valid", "cookie").headers
    with django_assert_num_queries(2):  # the session with its user, and the host's row
        get("/drf/signed-in", headers)
