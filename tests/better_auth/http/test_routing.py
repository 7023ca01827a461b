"""Paths, methods and aliases (security-rules.md, section 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth.http.endpoint import Operation
from better_auth.storage.records import UserRecord
from better_auth.urls import operations
from tests.conftest import PASSWORD, ApiClient
from tests.operations import each, url_of
from tests.protocol import answered, set_cookies

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]


@pytest.fixture
def signed_in(browser: ApiClient, make_user: Callable[..., UserRecord]) -> ApiClient:
    make_user()
    browser.sign_in()
    return browser


def is_bare_404(response: Any) -> bool:
    return response.status_code == 404 and response.content == b"" and not set_cookies(response)


@pytest.mark.parametrize(
    "path",
    [
        "/unknown",
        "/",
        "",
        "//ok",
        "/ok/",
        "/ok//",
        "/OK",
        "/ok.json",
        "/./ok",
        "/sign-in",
        "/sign-in//email",
        "/reset-password/",
        "/reset-password/a/b",
        "/callback/",
        "/../auth/ok",
        "/%6fk%2f",
        "/ok%00",
        "/\u202e",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_nothing(browser: ApiClient, method: str, path: str) -> None:
    assert is_bare_404(browser.generic(method, f"/api/auth{path}"))


@pytest.mark.parametrize(
    "path", ["/api/authx/ok", "/api/ok", "/ok", "/auth/ok", "//api/auth/ok", "/api//auth/ok"]
)
def test_nothing_is_served_outside_the_base_path(browser: ApiClient, path: str) -> None:
    assert is_bare_404(browser.generic("GET", path))


METHODS = {"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "X"}


@each(*operations)
def test_a_wrong_method_is_nothing(signed_in: ApiClient, operation: Operation) -> None:
    for method in METHODS - {one.method for one in operations if one.path == operation.path}:
        assert is_bare_404(signed_in.generic(method, f"/api/auth{url_of(operation)}")), method


@pytest.mark.parametrize(
    ("method", "alias", "body", "path"),
    [
        (
            "POST",
            "/register",
            {"name": "B", "email": "ann@example.com", "password": PASSWORD},
            "/sign-up/email",
        ),
        ("POST", "/login", {"email": "ann@example.com", "password": "wrong password"}, "/sign-in/email"),
        ("POST", "/logout", {}, "/sign-out"),
        ("GET", "/session", None, "/get-session"),
    ],
)
def test_aliases_answer_alike(
    signed_in: ApiClient, configure: Configure, method: str, alias: str, body: Any, path: str
) -> None:
    cookies = {name: morsel.value for name, morsel in signed_in.cookies.items()}
    first = signed_in.api(method, alias, body)
    for name, value in cookies.items():
        signed_in.cookies[name] = value
    if alias == "/logout":
        signed_in.sign_in()
    second = signed_in.api(method, path, body)
    assert (answered(first), set_cookies(first)) == (answered(second), set_cookies(second))
    other_method = "GET" if method == "POST" else "POST"
    assert is_bare_404(signed_in.api(other_method, alias, body))
    configure(DISABLED_PATHS=(path,))
    assert signed_in.api(method, alias, body).content == b"Not Found"


def test_aliases_work(browser: ApiClient) -> None:
    signed_up = browser.api(
        "POST", "/register", {"name": "B", "email": "b@example.com", "password": PASSWORD}
    )
    assert signed_up.status_code == 200
    assert browser.api("GET", "/session").json()["user"] == signed_up.json()["user"]
    assert answered(browser.api("POST", "/logout", {})) == (200, {"success": True})
    assert browser.api("POST", "/login", {"email": "b@example.com", "password": PASSWORD}).status_code == 200
