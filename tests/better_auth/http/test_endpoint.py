"""What every operation shares: the order of the checks, failures, headers (core.md, section 0)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection

from better_auth.features.profile import endpoints as profile
from better_auth.http.endpoint import Access, Operation
from better_auth.models import Session
from better_auth.storage.records import UserRecord
from better_auth.urls import operations
from tests.conftest import PASSWORD, ApiClient
from tests.operations import VALID_BODIES, each, url_of
from tests.protocol import CLEARED, answered, invalid, refusal, set_cookies

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
EVIL = {"HTTP_ORIGIN": "https://evil.example"}
SIGNED_IN = [one for one in operations if one.access is not Access.ANYONE]


@pytest.fixture
def signed_in(browser: ApiClient, make_user: Callable[..., UserRecord]) -> ApiClient:
    make_user()
    browser.sign_in()
    return browser


def test_json_comes_before_the_origin(signed_in: ApiClient) -> None:
    response = signed_in.api("POST", "/update-user", b"{", content_type="application/json", **EVIL)
    assert answered(response) == (400, refusal("BAD_REQUEST"))


def test_media_type_comes_before_the_origin(signed_in: ApiClient) -> None:
    response = signed_in.api("POST", "/update-user", b"{}", content_type="text/plain", **EVIL)
    assert response.status_code == 415


def test_origin_comes_before_urls_schema_and_session(signed_in: ApiClient) -> None:
    body = {"callbackURL": "https://evil.example", "newEmail": 5}
    Session.objects.all().delete()
    response = signed_in.api("POST", "/change-email", body, **EVIL)
    assert (answered(response), set_cookies(response)) == ((403, refusal("INVALID_ORIGIN")), {})


def test_urls_come_before_schema_and_session(browser: ApiClient) -> None:
    response = browser.api("POST", "/change-email", {"callbackURL": "https://evil.example", "newEmail": 5})
    assert answered(response) == (403, refusal("INVALID_CALLBACK_URL"))


def test_schema_comes_before_the_session(browser: ApiClient) -> None:
    expected = invalid("[body.newEmail] Invalid input: expected string, received number")
    assert answered(browser.api("POST", "/change-email", {"newEmail": 5})) == (400, expected)


def test_session_comes_before_the_rule(browser: ApiClient, configure: Configure) -> None:
    configure(USER={"CHANGE_EMAIL": False})
    response = browser.api("POST", "/change-email", {"newEmail": "new@example.com"})
    assert answered(response) == (401, refusal("UNAUTHORIZED"))


def test_schema_comes_before_the_guard_of_forms(browser: ApiClient) -> None:
    navigation = {"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_SEC_FETCH_MODE": "navigate"}
    response = browser.api("POST", "/sign-in/email", {"email": 5, "password": "x"}, **navigation)
    expected = invalid("[body.email] Invalid input: expected string, received number")
    assert answered(response) == (400, expected)


def test_a_disabled_path_comes_first(browser: ApiClient, configure: Configure) -> None:
    configure(DISABLED_PATHS=("/sign-up/email",))
    response = browser.api("POST", "/sign-up/email", b"{", content_type="text/plain", **EVIL)
    assert (response.status_code, response.content) == (404, b"Not Found")
    assert response.headers["Content-Type"].startswith("text/plain")


@each(*SIGNED_IN)
def test_nobody_is_unauthorized(browser: ApiClient, operation: Operation) -> None:
    response = browser.api(operation.method, url_of(operation), VALID_BODIES.get(operation.path))
    assert (answered(response), set_cookies(response)) == ((401, refusal("UNAUTHORIZED")), {})


@each(*SIGNED_IN)
def test_a_dead_session_is_unauthorized_and_its_cookies_expire(
    signed_in: ApiClient, operation: Operation
) -> None:
    Session.objects.all().delete()
    response = signed_in.api(operation.method, url_of(operation), VALID_BODIES.get(operation.path))
    assert answered(response) == (401, refusal("UNAUTHORIZED"))
    assert (set_cookies(response), list(set_cookies(response))) == (CLEARED, list(CLEARED))


@pytest.mark.parametrize("path", ["/list-accounts", "/get-session"])
def test_an_unexpected_failure_tells_nothing(
    signed_in: ApiClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(profile.wire, "account_object", fail)
    monkeypatch.setattr(profile.wire, "session_object", fail)
    signed_in.raise_request_exception = False
    response = signed_in.api("GET", path)
    assert answered(response) == (500, refusal("INTERNAL_SERVER_ERROR"))
    assert "the secret of the house" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/sign-in/email", {"email": "ann@example.com", "password": PASSWORD}),
        ("GET", "/get-session", None),
        ("GET", "/list-accounts", None),
    ],
)
def test_a_database_that_is_away_is_told(signed_in: ApiClient, method: str, path: str, body: Any) -> None:
    def fail(*args: Any) -> Any:
        raise OperationalError("server closed the connection, password=hunter2")

    with connection.execute_wrapper(fail):
        response = signed_in.api(method, path, body)
    message = "The server is busy. Please try again in a moment."
    assert answered(response) == (503, {"message": message, "code": "SERVICE_UNAVAILABLE"})
    assert (response.headers["Retry-After"], set_cookies(response)) == ("2", {})
    assert signed_in.session() is not None


@each(*operations)
def test_every_answer_has_the_safety_headers(signed_in: ApiClient, operation: Operation) -> None:
    response = signed_in.api(operation.method, url_of(operation), VALID_BODIES.get(operation.path))
    if operation.path == "/jwks":  # the one answer that anybody may keep
        assert response.headers["Cache-Control"] == "public, max-age=300"
        assert "Pragma" not in response.headers
    else:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Pragma"] == "no-cache"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert not any(name.startswith("Access-Control-Allow") for name in response.headers)


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "nonsense", ""])
def test_whatever_is_accepted_is_answered_with_json(browser: ApiClient, accept: str) -> None:
    response = browser.api("POST", "/sign-in/email", {}, HTTP_ACCEPT=accept)
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/json")


@pytest.mark.parametrize("query", ["?format=xml", "?format=json", "?_method=PUT"])
def test_nothing_of_the_framework_listens_to_the_query(browser: ApiClient, query: str) -> None:
    assert answered(browser.api("POST", f"/sign-out{query}", {})) == (200, {"success": True})
