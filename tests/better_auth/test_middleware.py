"""``BetterAuthMiddleware``: who calls, for a host's own views, sync and async."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory

from better_auth import users
from better_auth.middleware import BetterAuthMiddleware
from better_auth.models import Session
from better_auth.storage.records import UserRecord
from tests.host.credentials import TABLE, make_due, show

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.host.urls")]

COOKIE = "better-auth.session_token"
NOBODY = {"principal": None, "method": None, "user": None}
Door = Callable[..., Any]


def through_sync_view(headers: dict[str, str], path: str = "/whoami") -> Any:
    return Client(headers=headers).get(path)


def through_async_view(headers: dict[str, str], path: str = "/whoami-async") -> Any:
    """The ASGI handler, as a server would run it."""
    client = AsyncClient()
    client.cookies.load(headers.get("cookie", ""))
    others = {name: value for name, value in headers.items() if name != "cookie"}
    return async_to_sync(client.get)(path, headers=others)


DOORS = pytest.mark.parametrize("door", [through_sync_view, through_async_view], ids=["sync", "async"])


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


@DOORS
@pytest.mark.parametrize(("state", "kind"), TABLE)
def test_the_credential_table(ann: UserRecord, door: Door, state: str, kind: str) -> None:
    shown = show(ann, state, kind)
    response = door(shown.headers)
    assert response.status_code == 200
    if state == "valid":
        method = "session" if kind == "cookie" else "bearer"
        assert response.json() == {"principal": ann.email, "method": method, "user": ann.email}
    else:
        assert response.json() == NOBODY
    assert response.cookies == {}


@pytest.mark.parametrize(("state", "kind"), TABLE)
def test_the_protocols_own_door_agrees(ann: UserRecord, state: str, kind: str) -> None:
    shown = show(ann, state, kind)
    response = Client(headers=shown.headers).get("/api/auth/get-session")
    assert response.status_code == 200
    if state == "valid":
        assert response.json()["user"]["id"] == ann.id
        assert response.json()["session"]["token"] == shown.issued.token
    else:
        assert response.json() is None


@DOORS
def test_a_bad_bearer_does_not_silence_a_good_cookie(ann: UserRecord, door: Door) -> None:
    bad = show(ann, "malformed", "signed bearer").headers
    good = show(ann, "valid", "cookie").headers
    assert door({**bad, **good}).json() == {"principal": ann.email, "method": "session", "user": ann.email}


@DOORS
def test_nothing_is_looked_up_unless_a_view_asks(
    ann: UserRecord, door: Door, django_assert_num_queries: Any
) -> None:
    headers = show(ann, "valid", "cookie").headers
    path = "/untouched" if door is through_sync_view else "/untouched-async"
    with django_assert_num_queries(0):
        response = door(headers, path)
    assert response.content == b"the same for everybody"
    assert not response.has_header("Vary")


@DOORS
def test_who_calls_is_found_out_once(ann: UserRecord, door: Door, django_assert_num_queries: Any) -> None:
    headers = show(ann, "valid", "cookie").headers
    with django_assert_num_queries(2):  # the session with its user, and the host's row
        door(headers)


@DOORS
def test_an_answer_that_depends_on_the_caller_says_so(ann: UserRecord, door: Door) -> None:
    for headers in ({}, show(ann, "valid", "bare bearer").headers):
        vary = {one.strip() for one in door(headers).headers["Vary"].split(",")}
        assert vary >= {"Cookie", "Authorization"}


@DOORS
def test_a_renewed_session_hands_its_cookie_over(
    ann: UserRecord, door: Door, configure: Callable[..., None]
) -> None:
    shown = show(ann, "valid", "cookie")
    configure(SESSION={"EXPIRES_IN": 9000, "UPDATE_AGE": 60})
    make_due(shown.issued)
    response = door(shown.headers)
    cookie = response.cookies[COOKIE].OutputString()
    assert cookie == f"{shown.headers['cookie']}; Max-Age=9000; Path=/; HttpOnly; SameSite=Lax"
    row = Session.objects.get(pk=shown.issued.session.id)
    assert row.expires_at - row.updated_at == timedelta(seconds=9000)


@DOORS
def test_a_session_that_is_not_due_sets_no_cookie(ann: UserRecord, door: Door) -> None:
    response = door(show(ann, "valid", "cookie").headers)
    assert response.cookies == {}
    assert not response.has_header("set-auth-token")


@DOORS
def test_a_user_of_djangos_own_session_stands_where_nobody_is_signed_in_here(
    ann: UserRecord, door: Door
) -> None:
    row = get_user_model()._default_manager.get(pk=ann.key)
    client = Client()
    client.force_login(row, backend="better_auth.backends.BetterAuthBackend")
    headers = {"cookie": f"sessionid={client.cookies['sessionid'].value}"}
    assert door(headers).json() == {"principal": None, "method": None, "user": ann.email}


def test_it_works_without_the_middleware_above_it() -> None:
    """A host without ``AuthenticationMiddleware``: nobody is an anonymous user."""
    seen = []
    middleware = BetterAuthMiddleware(
        lambda request: seen.append(request.user.is_authenticated) or HttpResponse()
    )
    middleware(RequestFactory().get("/"))
    assert seen == [False]


def test_cookies_that_http2_brings_in_pieces_are_joined(ann: UserRecord) -> None:
    client = AsyncClient()
    client.cookies["theme"] = "dark"  # a header of its own, before ours
    response = async_to_sync(client.get)("/whoami-async", headers=show(ann, "valid", "cookie").headers)
    assert response.json()["principal"] == ann.email


def test_a_banned_user_is_nobody(ann: UserRecord) -> None:
    headers = show(ann, "valid", "cookie").headers
    users.update(ann, banned=True)
    assert through_sync_view(headers).json() == NOBODY


def test_a_hosts_own_authenticator_is_asked_in_its_turn(
    ann: UserRecord, configure: Callable[..., None]
) -> None:
    badge = {"authorization": f"Bearer badge-{ann.email}"}
    assert through_sync_view(badge).json() == NOBODY
    configure(
        AUTHENTICATORS=[
            "tests.host.authenticators.badge",
            "better_auth.authentication.authenticators.bearer.authenticate",
            "better_auth.authentication.authenticators.session_cookie.authenticate",
        ]
    )
    for door in (through_sync_view, through_async_view):
        assert door(badge).json() == {"principal": ann.email, "method": "bearer", "user": ann.email}
        assert door({"authorization": "Bearer badge-nobody@example.com"}).json() == NOBODY
        assert door(show(ann, "valid", "signed bearer").headers).json()["principal"] == ann.email
        assert door(show(ann, "valid", "cookie").headers).json()["method"] == "session"
