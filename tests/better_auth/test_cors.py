"""Front ends on other origins: whom answers are granted to, in which words, and to nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory

from better_auth.cors import CorsMiddleware
from better_auth.http import cors
from better_auth.http.endpoint import Operation
from better_auth.storage.records import UserRecord
from better_auth.urls import operations
from tests.conftest import PASSWORD, ApiClient
from tests.operations import VALID_BODIES, each, url_of

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
APP = "https://app.example.com"
TRUSTED = [APP, "https://*.preview.example.com", "http://localhost:5173", "capacitor://localhost"]
HOSTILE = [
    "null",
    "https://evil.example",
    "https://app.example.com.evil.example",
    "https://evil.example?.preview.example.com",
    "https://xapp.example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://APP.example.com",
    "https://app.example.com/",
    "https://app.example.com/path",
    "https://app.example.com:443",
    "https://user@app.example.com",
    "https://preview.example.com",
    "app.example.com",
    "capacitor://evil",
    "capacitor://localhost/path",
    "*",
    "",
    "https://" + "a" * 600 + ".preview.example.com",
]


@pytest.fixture(autouse=True)
def _trusted(configure: Configure) -> None:
    configure(TRUSTED_ORIGINS=TRUSTED)


def granted(response: Any) -> dict[str, str]:
    return {
        name.lower(): value
        for name, value in response.headers.items()
        if name.lower().startswith("access-control-allow")
    }


def preflight(origin: str, path: str = "/api/auth/sign-in/email", **headers: str) -> Any:
    asked = {"origin": origin, "access-control-request-method": "POST", **headers}
    return Client().options(path, headers=asked)


def varies(response: Any) -> list[str]:
    return [name.strip() for name in response.headers.get("Vary", "").split(",")]


class TestAnswers:
    @pytest.mark.parametrize(
        "origin", [APP, "https://a.preview.example.com", "http://localhost:5173", "capacitor://localhost"]
    )
    def test_a_trusted_origin_is_echoed_exactly(self, browser: ApiClient, origin: str) -> None:
        response = browser.api("GET", "/get-session", headers={"origin": origin})
        assert granted(response) == {
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",
        }
        assert "Origin" in varies(response)

    @pytest.mark.parametrize("origin", HOSTILE, ids=lambda origin: origin[:60])
    def test_nobody_else_is_granted_anything(self, browser: ApiClient, origin: str) -> None:
        for method, path in (("GET", "/get-session"), ("POST", "/sign-in/email"), ("GET", "/unknown")):
            response = browser.api(method, path, headers={"origin": origin})
            assert granted(response) == {}
            assert "Origin" in varies(response)

    @each(*operations)
    def test_whatever_we_answer_can_be_read(
        self, browser: ApiClient, make_user: Callable[..., UserRecord], operation: Operation
    ) -> None:
        make_user()
        browser.sign_in()
        body = VALID_BODIES.get(operation.path)
        response = browser.api(operation.method, url_of(operation), body, headers={"origin": APP})
        assert granted(response)["access-control-allow-origin"] == APP

    def test_refusals_can_be_read_too(self, browser: ApiClient) -> None:
        for path, status in (("/sign-in/email", 400), ("/unknown", 404), ("/list-sessions", 404)):
            response = browser.api("POST", path, {}, headers={"origin": APP})
            assert response.status_code == status
            assert granted(response)["access-control-allow-origin"] == APP

    def test_what_a_defect_answers_can_be_read(
        self, browser: ApiClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("broken")

        monkeypatch.setattr("better_auth.http.views.answer", fail)
        browser.raise_request_exception = False
        response = browser.api("GET", "/ok", headers={"origin": APP})
        assert response.status_code == 500
        assert granted(response)["access-control-allow-origin"] == APP

    def test_our_own_origin_need_not_ask(self, browser: ApiClient) -> None:
        assert granted(browser.api("GET", "/get-session", headers={"origin": "http://testserver"})) == {}

    def test_tokens_in_headers_can_be_read(
        self, browser: ApiClient, make_user: Callable[..., UserRecord]
    ) -> None:
        make_user()
        body = {"email": "ann@example.com", "password": PASSWORD}
        signed_in = browser.api("POST", "/sign-in/email", body, headers={"origin": APP})
        read = browser.api("GET", "/get-session", headers={"origin": APP})
        for response, header in ((signed_in, "set-auth-token"), (read, "set-auth-jwt")):
            exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
            assert header in response.headers
            assert sorted(exposed) == sorted(cors.ANSWER_HEADERS)

    def test_headers_of_the_host_are_exposed_as_well(self, browser: ApiClient, configure: Configure) -> None:
        configure(CORS={"EXPOSED_HEADERS": ["X-Trace", "SET-AUTH-JWT"]})
        response = browser.api("GET", "/ok", headers={"origin": APP})
        exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
        assert exposed == [*cors.ANSWER_HEADERS, "X-Trace"]

    def test_the_key_set_at_the_root_is_ours(self) -> None:
        response = Client().get("/.well-known/jwks.json", headers={"origin": APP})
        assert granted(response)["access-control-allow-origin"] == APP

    @pytest.mark.parametrize("path", ["/health", "/", "/admin/login/", "/api/authx", "/metrics"])
    def test_what_is_not_ours_is_left_alone(self, path: str) -> None:
        response = Client().get(path, headers={"origin": APP})
        assert granted(response) == {}
        assert "Origin" not in varies(response)
        assert granted(preflight(APP, path)) == {}

    def test_where_it_is_switched_off_nobody_hears_of_it(
        self, browser: ApiClient, configure: Configure
    ) -> None:
        configure(CORS={"ENABLED": False})
        response = browser.api("GET", "/get-session", headers={"origin": APP})
        assert granted(response) == {}
        assert "Vary" not in response.headers
        assert preflight(APP).status_code == 404

    def test_another_middleware_may_have_decided(self) -> None:
        def host(request: HttpRequest) -> HttpResponse:
            return HttpResponse(headers={"Access-Control-Allow-Origin": "https://other.example"})

        request = RequestFactory().get("/api/auth/ok", headers={"origin": APP})
        response = CorsMiddleware(host)(request)
        assert granted(response) == {"access-control-allow-origin": "https://other.example"}

    def test_so_it_is_over_asgi(self) -> None:
        async def ask() -> Any:
            return await AsyncClient().get("/api/auth/get-session", headers={"origin": APP})

        assert granted(async_to_sync(ask)())["access-control-allow-origin"] == APP

    def test_async_views_are_not_crossed_to_a_thread(self) -> None:
        async def host(request: HttpRequest) -> HttpResponse:
            return HttpResponse()

        request = RequestFactory().get("/api/auth/ok", headers={"origin": APP})
        response = async_to_sync(CorsMiddleware(host))(request)
        assert granted(response)["access-control-allow-origin"] == APP


class TestPreflights:
    def test_a_trusted_origin_is_told_what_it_may_send(self) -> None:
        response = preflight(APP, **{"access-control-request-headers": "content-type,authorization"})
        assert (response.status_code, response.content) == (204, b"")
        assert granted(response) == {
            "access-control-allow-origin": APP,
            "access-control-allow-credentials": "true",
            "access-control-allow-methods": "GET, POST",
            "access-control-allow-headers": "Content-Type, Authorization, X-Captcha-Response, X-Api-Key",
        }
        assert response.headers["Access-Control-Max-Age"] == "7200"
        assert varies(response) == [
            "Origin",
            "Access-Control-Request-Method",
            "Access-Control-Request-Headers",
        ]
        assert "Content-Type" not in response.headers

    def test_the_settings_decide_how_long_and_what(self, configure: Configure) -> None:
        configure(CORS={"MAX_AGE": 60, "ALLOWED_HEADERS": ["X-Trace", "content-type"]})
        response = preflight(APP)
        assert response.headers["Access-Control-Max-Age"] == "60"
        expected = "Content-Type, Authorization, X-Captcha-Response, X-Api-Key, X-Trace"
        assert response.headers["Access-Control-Allow-Headers"] == expected

    @pytest.mark.parametrize("origin", HOSTILE, ids=lambda origin: origin[:60])
    def test_nobody_else_gets_more_than_before(self, origin: str) -> None:
        response = preflight(origin)
        assert (response.status_code, granted(response)) == (404, {})

    def test_options_that_ask_nothing_are_no_preflight(self) -> None:
        response = Client().options("/api/auth/ok", headers={"origin": APP})
        assert response.status_code == 404

    def test_nothing_happens_before_the_browser_was_told(
        self, browser: ApiClient, make_user: Callable[..., UserRecord]
    ) -> None:
        make_user()
        browser.sign_in()
        browser.options(
            "/api/auth/sign-out", headers={"origin": APP, "access-control-request-method": "POST"}
        )
        assert browser.session() is not None

    def test_so_it_is_over_asgi(self) -> None:
        async def ask() -> Any:
            asked = {"origin": APP, "access-control-request-method": "POST"}
            return await AsyncClient().options("/api/auth/sign-out", headers=asked)

        assert async_to_sync(ask)().status_code == 204
