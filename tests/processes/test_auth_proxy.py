"""The auth proxy of real servers: one that answers itself, and backends that pass on to it; no difference."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conformance.run_conformance import reserved_port
from tests.resource_project.running import RunningService
from tests.scripted_provider import ScriptedProvider, serving
from tests.server import PASSWORD, RunningServer, new_email, wait_for

FRONT_END = "https://app.example.com"
ADDRESS = "203.0.113.9"
# A backend that speaks of everything, and leaves limits to the auth server.
TALKATIVE = {"BETTER_AUTH_RATE_LIMIT_ENABLED": "false", "RESOURCE_LOG_LEVEL": "DEBUG"}
TRUSTED = {"BETTER_AUTH_TRUSTED_ORIGINS": FRONT_END, "BETTER_AUTH_TRUSTED_PROXIES": "127.0.0.1"}
SECRET = "shop-secret-0123456789-abcdefghijklm"


@pytest.fixture(scope="module")
def company() -> Iterator[ScriptedProvider]:
    with serving(ScriptedProvider()) as provider:
        yield provider


@pytest.fixture(scope="module")
def auth_server(company: ScriptedProvider) -> Iterator[RunningServer]:
    settings = {
        "BETTER_AUTH_INTROSPECTION_SECRETS": f"shop:{SECRET}",
        "BETTER_AUTH_SOCIAL_PROVIDERS": json.dumps({"company": company.settings()}),
    }
    with RunningServer(processes=2, **settings, **TRUSTED) as running:
        yield running


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def backend(request: pytest.FixtureRequest, auth_server: RunningServer) -> Iterator[RunningService]:
    with RunningService(auth_server.origin, interface=request.param, **TALKATIVE, **TRUSTED) as running:
        yield running


@pytest.fixture(scope="module", params=["embedded", "project", "wsgi", "asgi"])
def proxy(request: pytest.FixtureRequest, auth_server: RunningServer) -> Iterator[str]:
    """The origin of a server with an auth proxy: the auth server itself, the ready-to-run project in front of
    it, and a service that has none of our tables."""
    if request.param == "embedded":
        yield auth_server.origin
        return
    if request.param == "project":
        with RunningServer(AUTH_SERVER_URL=auth_server.origin, interface="wsgi", **TRUSTED) as running:
            yield running.origin
        return
    with RunningService(auth_server.origin, interface=request.param, **TALKATIVE, **TRUSTED) as running:
        yield running.url


def front_end(proxy: str, **headers: str) -> httpx.Client:
    """A browser with a page of a trusted origin."""
    told = {"Origin": FRONT_END, "X-Forwarded-For": ADDRESS, **headers}
    return httpx.Client(base_url=f"{proxy}/api/auth-proxy/", headers=told, timeout=60)


def program(proxy: str) -> httpx.Client:
    return httpx.Client(base_url=f"{proxy}/api/auth-proxy/", timeout=60)


def registered(proxy: str) -> tuple[httpx.Client, dict[str, Any]]:
    browser = front_end(proxy)
    answer = browser.post("register", json={"email": new_email("proxied"), "password": PASSWORD})
    assert answer.status_code == 200, answer.content
    return browser, answer.json()


def ask_raw(origin: str, request: bytes) -> bytes:
    """All that comes back for these bytes, until the other side closes."""
    address = urlsplit(origin)
    with socket.create_connection((str(address.hostname), address.port or 80), timeout=30) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class TestJourney:
    @pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
    def test_from_signing_up_to_signing_out(self, proxy: str, auth_server: RunningServer, form: bool) -> None:
        email = new_email("proxied")

        def post(client: httpx.Client, name: str, /, **body: str) -> httpx.Response:
            return client.post(name, data=body) if form else client.post(name, json=body)

        with front_end(proxy) as browser, program(proxy) as service:
            signed_up = post(browser, "register", email=email, password=PASSWORD, name="Ann")
            assert signed_up.status_code == 200, signed_up.content
            assert signed_up.json()["user"]["name"] == "Ann"
            assert post(browser, "logout").json() == {"success": True}
            assert "better-auth.session_token" not in browser.cookies
            wrong = post(browser, "login", email=email, password="wrong password")
            assert (wrong.status_code, wrong.json()["code"]) == (401, "INVALID_EMAIL_OR_PASSWORD")

            signed_in = post(browser, "login", email=email, password=PASSWORD)
            assert signed_in.status_code == 200, signed_in.content
            tokens = signed_in.json()
            assert signed_in.headers["set-auth-token"].startswith(tokens["token"])
            assert browser.get("verify").json()["user"]["email"] == email
            assert service.get("verify", headers=bearer(tokens["token"])).json()["valid"] is True

            refreshed = post(service, "refresh", refresh_token=tokens["refresh_token"])
            assert refreshed.status_code == 200, refreshed.content
            access_token = refreshed.json()["access_token"]
            assert service.get("verify", headers=bearer(access_token)).json()["user"]["email"] == email
            for token in (tokens["token"], access_token):
                assert post(service, "introspect", token=token).json() == {"active": True}
            told = post(service, "introspect", token=access_token, client_id="shop", client_secret=SECRET)
            assert told.json()["username"] == email

            assert post(service, "logout", token=access_token).json() == {"success": True}
            assert browser.get("verify").status_code == 401
            assert post(service, "introspect", token=tokens["token"]).json() == {"active": False}
            again = post(service, "refresh", refresh_token=refreshed.json()["refresh_token"])
            assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")

    def test_many_refreshes_at_once_have_one_successor(self, proxy: str, auth_server: RunningServer) -> None:
        _, tokens = registered(proxy)
        with program(proxy) as service, ThreadPoolExecutor(20) as pool:
            body = {"refresh_token": tokens["refresh_token"]}
            answers = list(pool.map(lambda _: service.post("refresh", json=body), range(20)))
        assert {one.status_code for one in answers} == {200}
        assert len({one.json()["refresh_token"] for one in answers}) == 1

    def test_the_session_knows_the_clients_address(self, proxy: str, auth_server: RunningServer) -> None:
        _, told = registered(proxy)
        found = "SELECT ip_address FROM better_auth_sessions WHERE user_id = %s"
        assert str(auth_server.database.value(found, told["user"]["id"])).partition("/")[0] == ADDRESS

    def test_a_provider_signs_in_through_the_proxy(self, proxy: str, company: ScriptedProvider) -> None:
        """The state's cookie is the front end's host's, since the proxy set it."""
        with program(proxy) as service:
            begun = service.post("social", json={"provider": "company", "callbackURL": "/in"})
            answer = company.consent(begun.json()["url"])
            done = service.get("callback/company", params=answer)
            assert (done.status_code, done.headers["Location"]) == (302, "/in")
            assert service.get("verify").json()["user"]["email"] == "ann@example.com"
            again = service.get("callback/company", params=answer)
            assert again.headers["Location"].endswith("error=state_mismatch")


class TestPages:
    def test_one_that_is_not_trusted_signs_nobody_in_or_out(self, proxy: str) -> None:
        browser, _ = registered(proxy)
        evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
        for name in ("login", "logout"):
            body = {"email": new_email(), "password": PASSWORD} if name == "login" else {}
            answer = browser.post(name, json=body, headers=evil)
            assert (answer.status_code, answer.json()["code"]) == (403, "INVALID_ORIGIN"), name
            assert "access-control-allow-origin" not in answer.headers
        assert browser.get("verify").status_code == 200
        browser.close()

    def test_one_that_is_trusted_reads_the_answers(self, proxy: str) -> None:
        with front_end(proxy) as browser:
            asked = {
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            }
            preflight = browser.options("login", headers=asked)
            assert preflight.status_code == 204
            answer = browser.post("login", json={"email": new_email(), "password": "wrong password"})
        for one in (preflight, answer):
            assert one.headers["access-control-allow-origin"] == FRONT_END
            assert one.headers["access-control-allow-credentials"] == "true"
        assert "set-auth-token" in answer.headers["access-control-expose-headers"]


class TestPassingOn:
    @pytest.mark.parametrize(
        "target",
        [
            "/api/auth-proxy/../auth/get-session",
            "/api/auth-proxy/callback/..",
            "/api/auth-proxy/callback/%2e%2e",
            "/api/auth-proxy/callback/..%2f..%2fauth%2fok",
            "/api/auth-proxy/login/../../auth/ok",
            "/api/auth-proxy//auth/ok",
            "/api/auth-proxy/ok",
            "/api/auth/ok",
            "http://127.0.0.1:1/api/auth-proxy/ok",
            "//127.0.0.1:1/api/auth-proxy/ok",
        ],
    )
    def test_no_spelling_reaches_anything_else(self, backend: RunningService, target: str) -> None:
        host = backend.url.removeprefix("http://")
        request = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        told = ask_raw(backend.url, request)
        assert told.split(b" ", 2)[1] in (b"404", b"400"), told
        assert b'"ok"' not in told

    def test_a_forwarded_connection_is_kept(self, backend: RunningService) -> None:
        with program(backend.url) as service:
            for _ in range(5):
                assert service.post("introspect", json={"token": "x"}).json() == {"active": False}

    def test_no_secret_is_logged_even_at_debug(self, backend: RunningService) -> None:
        browser, tokens = registered(backend.url)
        with program(backend.url) as service:
            refreshed = service.post("refresh", json={"refresh_token": tokens["refresh_token"]}).json()
            service.get("verify", headers=bearer(refreshed["access_token"]))
        secrets = [tokens["token"], tokens["refresh_token"], refreshed["refresh_token"], PASSWORD]
        secrets += [refreshed["access_token"], browser.cookies["better-auth.session_token"]]
        browser.close()
        log = backend.log.read_text()
        assert "httpcore" in log  # it is written at DEBUG
        assert [secret for secret in secrets if secret in log] == []


def test_each_visitor_has_a_budget_of_their_own() -> None:
    limits = {
        "BETTER_AUTH_RATE_LIMIT_ENABLED": "true",
        "BETTER_AUTH_RATE_LIMIT_RULES": "/sign-in* 3/60",
        "BETTER_AUTH_TRUSTED_PROXIES": "127.0.0.1",
    }
    trusting = {**TALKATIVE, "BETTER_AUTH_TRUSTED_PROXIES": "127.0.0.1"}
    with RunningServer(**limits) as auth_server, RunningService(auth_server.origin, **trusting) as backend:

        def statuses(address: str) -> list[int]:
            body = {"email": new_email(), "password": "wrong password"}
            with program(backend.url) as service:
                headers = {"X-Forwarded-For": address}
                return [service.post("login", json=body, headers=headers).status_code for _ in range(4)]

        assert statuses("203.0.113.1") == [401, 401, 401, 429]
        assert statuses("203.0.113.2") == [401, 401, 401, 429]


def test_an_auth_server_that_goes_and_comes_back() -> None:
    quick = {"BETTER_AUTH_SERVER_BREAKER_SECONDS": "1", "BETTER_AUTH_SERVER_TIMEOUT_MS": "5000"}
    with RunningServer(**TRUSTED) as auth_server, contextlib.ExitStack() as stack:
        port = stack.enter_context(reserved_port())
        backend = stack.enter_context(RunningService(f"http://127.0.0.1:{port}", **quick, **TALKATIVE))
        with program(backend.url) as service:
            for _ in range(7):
                answer = service.post("introspect", json={"token": "x"})
                assert (answer.status_code, answer.json()["code"]) == (503, "AUTH_SERVER_UNAVAILABLE")
                assert int(answer.headers["Retry-After"]) >= 1
            stack.enter_context(auth_server.site.serve(port))
            answered = wait_for(
                lambda: service.post("introspect", json={"token": "x"}).status_code == 200, "the auth server"
            )
            assert answered
