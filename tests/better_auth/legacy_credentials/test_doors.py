"""One table of the former system's credentials, through every door: everywhere the same answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from better_auth import users
from better_auth.legacy_credentials.schemes import METHODS
from better_auth.storage.records import UserRecord
from better_auth.websocket import handshake, pipeline
from better_auth.websocket.closing import Refused
from tests.better_auth.legacy_credentials.conftest import SERVICE_SECRET
from tests.host.legacy_credentials import SCHEMES, TABLE, Shown, bring, refusal_of, show

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.host.urls"),
    pytest.mark.usefixtures("beside"),
]


def by_endpoint(shown: Shown) -> tuple[str | None, str | None]:
    """The address of whoever is signed in, and the code of a refusal."""
    answer = Client(headers=shown.headers).get("/api/auth/get-session")
    if answer.status_code == 401:
        return None, answer.json()["code"]
    assert answer.status_code == 200
    told = answer.json()
    return (told["user"]["email"] if told else None), None


def by_middleware(shown: Shown) -> tuple[str | None, str | None]:
    told = Client(headers=shown.headers).get("/why").json()
    return told["principal"], told["refusal"]


def by_async_middleware(shown: Shown) -> tuple[str | None, str | None]:
    told = Client(headers=shown.headers).get("/whoami-async").json()
    assert told["principal"] == told["user"]
    return told["principal"], by_middleware(shown)[1]


def by_rest_framework(shown: Shown) -> tuple[str | None, str | None]:
    answer = Client(headers=shown.headers).get("/drf/open")
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
        return None, answer.json()["code"]
    assert answer.status_code == 200
    assert answer.json()["principal"] == answer.json()["user"]
    return answer.json()["principal"], None


def by_introspection(shown: Shown) -> tuple[str | None, str | None]:
    body = {"token": shown.token, "client_id": "shop", "client_secret": SERVICE_SECRET}
    answer = Client().post("/api/auth/introspect", body, content_type="application/json")
    assert answer.status_code == 200
    told = answer.json()
    if not told["active"]:
        assert told == {"active": False}
        return None, None
    return told["username"], None


def by_handshake(shown: Shown) -> tuple[str | None, str | None]:
    """Of a WebSocket, from our own page."""
    headers = {"origin": "http://testserver", **shown.headers}
    return by_socket(
        {
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
        }
    )


def by_socket(scope: dict[str, Any], **more: Any) -> tuple[str | None, str | None]:
    try:
        identity = pipeline.identify(replace(handshake.read(scope), **more), lambda select: select())
    except Refused as refusal:
        return None, refusal.code
    if identity is None:
        return None, None
    assert identity.row.pk == identity.principal.user.key
    return identity.principal.user.email, None


DOORS = (
    by_endpoint,
    by_middleware,
    by_async_middleware,
    by_rest_framework,
    by_introspection,
    by_handshake,
)
# A service learns no more than that a token is not good; a cookie is sent along unasked.
TELLS_NO_CODE = {by_introspection}
TELLS_NO_CODE_OF_COOKIES = {by_endpoint, by_rest_framework, by_handshake}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("scheme", "state"), TABLE)
def test_the_credential_table(ann: UserRecord, scheme: str, state: str, door: Any) -> None:
    bring("4711", ann, state)
    shown = show(scheme, state, "4711")
    found, code = door(shown)
    if state == "valid":
        assert (found, code) == (ann.email, None)
        return
    assert found is None
    is_silent = door in TELLS_NO_CODE or (scheme == "sessions" and door in TELLS_NO_CODE_OF_COOKIES)
    assert code == (None if is_silent else refusal_of(scheme, state))


@pytest.mark.parametrize("scheme", [one for one in SCHEMES if one != "sessions"])
def test_the_first_message_of_a_socket_may_show_it(ann: UserRecord, scheme: str) -> None:
    """As clients of the former system do; REST framework's with their word before it, or without."""
    bring("4711", ann)
    token = show(scheme, "valid", "4711").token
    for text in (token, f"Token {token}") if scheme == "authtoken" else (token,):
        found = by_socket({"headers": []}, token=text, any_kind=True)
        assert found == (ann.email, None)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_a_service_learns(ann: UserRecord, scheme: str) -> None:
    bring("4711", ann)
    body = {
        "token": show(scheme, "valid", "4711").token,
        "client_id": "shop",
        "client_secret": SERVICE_SECRET,
    }
    told = Client().post("/api/auth/introspect", body, content_type="application/json").json()
    assert (told["sub"], told["username"], told["method"]) == (ann.id, ann.email, METHODS[scheme])
    assert (told["iss"], told["aud"]) == ("http://testserver", "http://testserver")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_stands_for_no_session(ann: UserRecord, scheme: str) -> None:
    """What acts on sessions of ours does not take it."""
    bring("4711", ann)
    browser = Client(headers={"origin": "http://testserver", **show(scheme, "valid", "4711").headers})
    shown = browser.get("/api/auth/get-session").json()["session"]
    assert (shown["id"], shown["token"], shown["userId"]) == ("legacy", "", ann.id)
    for method, path, body in (
        ("get", "/list-sessions", None),
        ("get", "/list-accounts", None),
        ("get", "/token", None),
        ("post", "/update-user", {"name": "Mallory"}),
        ("post", "/revoke-sessions", {}),
    ):
        answer = getattr(browser, method)(f"/api/auth{path}", body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
    assert users.get(ann).name == ann.name


def test_a_cookie_that_changes_something_must_come_from_a_trusted_origin(ann: UserRecord) -> None:
    bring("4711", ann)
    cookie = show("sessions", "valid", "4711").headers
    foreign = Client(headers={**cookie, "origin": "https://evil.example"}).post("/drf/open")
    assert (foreign.status_code, foreign.json()["detail"]) == (403, "Invalid origin")
    own = Client(headers={**cookie, "origin": "http://testserver"}).post("/drf/open")
    assert own.json()["principal"] == ann.email


def test_after_bearer_a_token_of_rest_framework_is_known_too(ann: UserRecord) -> None:
    bring("4711", ann)
    assert by_endpoint(Shown.bearer(show("authtoken", "valid", "4711").token)) == (ann.email, None)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_switched_off_it_is_nobodys(ann: UserRecord, scheme: str, configure: Any) -> None:
    bring("4711", ann)
    shown = show(scheme, "valid", "4711")
    for part in ({"ENABLED": False}, {scheme.upper(): {"ENABLED": False}}):
        configure(DUAL_AUTH=part)
        found, code = by_middleware(shown)
        assert (found, code in (None, "UNAUTHORIZED", "LEGACY_TOKEN_INVALID")) == (None, True)
        assert by_introspection(shown) == (None, None)
        configure(DUAL_AUTH={"ENABLED": True})
