"""The auth proxy that passes on: what goes through in each direction, and what never does."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from better_auth.auth_proxy import forwarding
from better_auth.auth_proxy.routes import ROUTES
from better_auth.paced_log import PacedLog
from better_auth.storage import counters
from tests.scripted_server import Asked, HangUp, ScriptedServer, Told

pytestmark = pytest.mark.urls("tests.host.forwarding_urls")
Configure = Callable[..., None]
CHECKOUT = Path(__file__).resolve().parents[2]
PROXY = "/api/auth-proxy"
JSON = {"Content-Type": "application/json"}
LOGIN = {"email": "ann@example.com", "password": "secret password"}
EACH = pytest.mark.parametrize(
    ("name", "method"), [(name, method) for name, route in ROUTES.items() for method in route.methods]
)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _passes_on(server: ScriptedServer, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "log", PacedLog(logging.getLogger("better_auth.auth_proxy")))
    configure(AUTH_SERVER={"URL": server.url, "TIMEOUT_MS": 1000, "RETRIES": 0})


def says(server: ScriptedServer, name: str, told: Told | HangUp) -> None:
    server.answer(f"{PROXY}/{name}", lambda _: told)


def ask(name: str, body: Any = None, *, method: str = "POST", **extra: Any) -> Any:
    content = json.dumps(body) if isinstance(body, dict) else (body or "")
    media_type = extra.pop("content_type", "application/json" if body is not None else "")
    return Client().generic(method, f"{PROXY}/{name}", content, content_type=media_type, **extra)


def asked(server: ScriptedServer) -> Asked:
    (one,) = server.asked
    return one


def headers_of(one: Asked) -> dict[str, str]:
    return {name.lower(): value for name, value in one.headers.items()}


def test_it_needs_no_table_of_ours() -> None:
    """Nor any other app, nor a database: only the address of the auth server."""
    code = f"""
import sys
from django.conf import settings
url = "http://127.0.0.1:9"
settings.configure(SECRET_KEY="signs-nothing", BETTER_AUTH={{"AUTH_SERVER": {{"URL": url}}}})
import django
django.setup()
from better_auth.auth_proxy import urlpatterns
from better_auth.cors import CorsMiddleware
assert len(urlpatterns) == {len(ROUTES) + 1}
print([one for one in sys.modules if one.startswith(("better_auth.models", "better_auth.features"))])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


class TestRequests:
    @EACH
    def test_each_goes_to_its_namesake_and_comes_back(
        self, server: ScriptedServer, name: str, method: str
    ) -> None:
        name = name.replace("<str:provider>", "google")
        says(server, name, Told(418, b'{"short": "stout"}', JSON))
        answer = ask(name, method=method)
        assert (answer.status_code, answer.json()) == (418, {"short": "stout"})
        assert (asked(server).method, asked(server).path) == (method, f"{PROXY}/{name}")

    @pytest.mark.parametrize(
        ("body", "media_type"),
        [
            (b'{"email": "\xc3\xa9"}', "application/json"),
            (b"email=a%40b.co&password=x", "application/x-www-form-urlencoded"),
            (b"\x00\xff not json", "text/plain; charset=latin-1"),
        ],
    )
    def test_a_body_goes_as_it_came(self, server: ScriptedServer, body: bytes, media_type: str) -> None:
        ask("login", body, content_type=media_type)
        assert (asked(server).body, headers_of(asked(server))["content-type"]) == (body, media_type)

    def test_a_body_that_is_too_long_goes_nowhere(self, server: ScriptedServer, configure: Configure) -> None:
        configure(MAX_BODY_BYTES=1024)
        answer = ask("login", b"x" * 1025, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
        assert server.asked == []

    def test_of_headers_only_those_of_the_protocol_go_through(self, server: ScriptedServer) -> None:
        means = {
            "accept": "application/json",
            "accept-language": "de",
            "authorization": "Bearer token",
            "origin": "https://app.example.com",
            "referer": "https://app.example.com/page",
            "sec-fetch-site": "same-site",
            "sec-fetch-mode": "cors",
            "sec-fetch-dest": "empty",
            "user-agent": "Browser/1.0",
            "x-captcha-response": "solved",
        }
        others = {
            "connection": "keep-alive, X-Secret",
            "keep-alive": "timeout=5",
            "te": "trailers",
            "trailer": "X",
            "upgrade": "websocket",
            "proxy-authorization": "Basic eA==",
            "proxy-connection": "close",
            "transfer-encoding": "identity",
            "expect": "100-continue",
            "x-secret": "ours",
            "x-forwarded-host": "evil.example",
            "x-forwarded-proto": "https",
            "x-real-ip": "203.0.113.9",
            "forwarded": "for=203.0.113.9",
            "x-http-method-override": "DELETE",
            "accept-encoding": "gzip",
            "if-none-match": "x",
            "range": "bytes=0-1",
        }
        ask("login", LOGIN, headers={**means, **others})
        seen = headers_of(asked(server))
        assert {name: seen.pop(name) for name in means} == means
        assert seen.pop("host") == server.url.removeprefix("http://")
        assert seen == {
            "content-type": "application/json",
            "content-length": str(len(json.dumps(LOGIN))),
            "accept-encoding": "identity",
            "x-forwarded-for": "127.0.0.1",
            "via": "1.1 better-auth-proxy",
        }

    @pytest.mark.parametrize("value", ["Brows\u00e9r", "a\tb", "a\x7fb", "\x01"])
    def test_what_no_header_carries_is_left_out(self, server: ScriptedServer, value: str) -> None:
        ask("login", LOGIN, HTTP_USER_AGENT=value)
        assert "user-agent" not in headers_of(asked(server))

    @pytest.mark.parametrize("header", ["HTTP_AUTHORIZATION", "HTTP_ORIGIN", "HTTP_COOKIE"])
    def test_headers_that_are_too_long_go_nowhere(self, server: ScriptedServer, header: str) -> None:
        """A server in between might hang up on them, and five such would open the breaker for all."""
        answer = ask("verify", method="GET", **{header: "better-auth.x=" + "x" * 16_384})
        assert (answer.status_code, answer.json()["code"]) == (431, "HEADERS_TOO_LARGE")
        assert server.asked == []

    @pytest.mark.parametrize(
        ("forwarded", "expected"),
        [
            ("203.0.113.9", "203.0.113.9"),
            ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
            ("2001:db8:1:2:3::9", "2001:0db8:0001:0002:0000:0000:0000:0000"),
            ("nonsense", None),
        ],
    )
    def test_the_clients_address_is_as_our_own_proxy_tells_it(
        self, server: ScriptedServer, configure: Configure, forwarded: str, expected: str | None
    ) -> None:
        configure(TRUSTED_PROXIES=["127.0.0.1"])
        ask("login", LOGIN, headers={"x-forwarded-for": forwarded})
        assert headers_of(asked(server)).get("x-forwarded-for") == expected

    def test_nobody_invents_an_address(self, server: ScriptedServer) -> None:
        ask("login", LOGIN, headers={"x-forwarded-for": "203.0.113.9"})
        assert headers_of(asked(server))["x-forwarded-for"] == "127.0.0.1"

    def test_cookies_of_the_host_stay_here(self, server: ScriptedServer) -> None:
        own = [
            "better-auth.session_token=a.b",
            "__Secure-better-auth.session_data=c",
            "better-auth.known_device=d",
        ]
        others = [
            "sessionid=x",
            "csrftoken=y",
            "better-authx=z",
            "xbetter-auth.session_token=z",
            "broken",
            "",
        ]
        mixed = "; ".join(part for pair in zip(own, others, strict=False) for part in pair) + "; csrftoken=y"
        ask("verify", method="GET", HTTP_COOKIE=mixed)
        assert headers_of(asked(server))["cookie"] == "; ".join(own)

    def test_without_cookies_of_its_own_the_auth_server_sees_none(self, server: ScriptedServer) -> None:
        """Or it would ask for an origin, and a program has none."""
        ask("login", LOGIN, HTTP_COOKIE="sessionid=x; csrftoken=y")
        assert "cookie" not in headers_of(asked(server))

    def test_the_prefix_is_the_settings(self, server: ScriptedServer, configure: Configure) -> None:
        configure(COOKIES={"PREFIX": "shop"})
        ask("verify", method="GET", HTTP_COOKIE="better-auth.session_token=a; shop.session_token=b")
        assert headers_of(asked(server))["cookie"] == "shop.session_token=b"

    def test_a_query_goes_where_a_provider_sends_people(self, server: ScriptedServer) -> None:
        ask("callback/google?code=a%2Fb&state=x%20y", method="GET")
        ask("login?callbackURL=https://evil.example", LOGIN)
        assert [one.path for one in server.asked] == [
            f"{PROXY}/callback/google?code=a%2Fb&state=x%20y",
            f"{PROXY}/login",
        ]

    @pytest.mark.parametrize("query", ["a=\u00e9", "a=b#c", "a b", "a=" + "x" * 8192])
    def test_a_query_that_is_none_is_refused(self, server: ScriptedServer, query: str) -> None:
        answer = ask("callback", method="GET", QUERY_STRING=query)
        assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
        assert server.asked == []


class TestReach:
    """A27, B30, D18: no request makes us ask anything but the seven names."""

    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "/get-session",
            "/sign-in/email",
            "/login/",
            "//login",
            "/login/../get-session",
            "/%6cogin/..",
            "/callback/",
            "/callback/..",
            "/callback/.",
            "/callback/%2e%2e",
            "/callback/a/b",
            "/callback/a%2fb",
            "/callback/..%2f..%2fadmin",
            "/callback/a%3Fb",
            "/callback/a@evil.example",
            "/callback/" + "a" * 65,
            "/http://evil.example/",
            "/@evil.example",
            "/introspect/../../auth/token",
        ],
    )
    def test_no_other_path_is_reached(self, server: ScriptedServer, path: str) -> None:
        for method in ("GET", "POST"):
            answer = Client().generic(method, PROXY + path)
            assert (answer.status_code, answer.content) == (404, b"")
        assert server.asked == []

    @pytest.mark.parametrize("name", ["login", "verify", "callback"])
    def test_no_other_method_is_passed_on(self, server: ScriptedServer, name: str) -> None:
        for method in {"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"} - set(
            ROUTES[name].methods
        ):
            answer = Client().generic(method, f"{PROXY}/{name}")
            assert (answer.status_code, answer.content) == (404, b""), method
        assert server.asked == []

    @pytest.mark.parametrize(
        "headers",
        [
            {"host": "evil.example"},
            {"x-forwarded-host": "evil.example"},
            {"x-original-url": "/admin"},
            {"x-rewrite-url": "/admin"},
            {"forwarded": "host=evil.example"},
        ],
    )
    def test_no_header_leads_elsewhere(
        self, server: ScriptedServer, settings: Any, headers: dict[str, str]
    ) -> None:
        settings.ALLOWED_HOSTS = ["*"]
        settings.USE_X_FORWARDED_HOST = True
        ask("login", LOGIN, headers=headers)
        assert asked(server).path == f"{PROXY}/login"
        assert headers_of(asked(server))["host"] == server.url.removeprefix("http://")

    def test_a_path_of_the_auth_servers_own_is_below_its_origin(
        self, server: ScriptedServer, configure: Configure
    ) -> None:
        configure(AUTH_SERVER={"URL": f"{server.url}/other/base"}, AUTH_PROXY={"PATH": "/hidden/proxy"})
        ask("login", LOGIN)
        assert asked(server).path == "/hidden/proxy/login"

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("name", ["login", "verify"])
    def test_no_redirect_is_followed_nor_passed_on(
        self, server: ScriptedServer, status: int, name: str
    ) -> None:
        says(server, name, Told(status, b"", {"Location": f"{server.url}/admin"}))
        answer = ask(name, LOGIN)
        assert (answer.status_code, answer.json()["code"]) == (502, "AUTH_SERVER_MISBEHAVES")
        assert "Location" not in answer.headers
        assert len(server.asked) == 1

    @pytest.mark.parametrize("status", [302, 303])
    def test_a_callback_sends_people_on(self, server: ScriptedServer, status: int) -> None:
        where = {"Location": "https://app.example.com/welcome"}
        says(server, "callback/google", Told(status, b"", where))
        answer = ask("callback/google", method="GET")
        assert (answer.status_code, answer.headers["Location"]) == (status, where["Location"])
        assert len(server.asked) == 1

    def test_a_request_that_comes_back_to_us_ends(
        self, server: ScriptedServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        answer = ask("login", LOGIN, headers={"via": "1.1 other, 1.1 better-auth-proxy"})
        assert (answer.status_code, answer.json()["code"]) == (502, "AUTH_SERVER_MISBEHAVES")
        assert server.asked == []
        assert "led back to itself" in caplog.text

    def test_what_is_disabled_is_not_passed_on(self, server: ScriptedServer, configure: Configure) -> None:
        configure(DISABLED_PATHS=["/auth-proxy/login", "/auth-proxy/callback"])
        for name in ("login", "callback", "callback/google"):
            assert (ask(name, {}).status_code, ask(name, {}).content) == (404, b"Not Found")
        assert server.asked == []

    def test_limits_hold_before_anybody_is_asked(self, server: ScriptedServer, configure: Configure) -> None:
        configure(RATE_LIMIT={"ENABLED": True})
        counters.reset()
        answers = [ask("login", LOGIN) for _ in range(4)]
        counters.reset()
        assert [one.status_code for one in answers] == [404, 404, 404, 429]
        assert len(server.asked) == 3
        assert "X-Retry-After" in answers[-1].headers


class TestAnswers:
    def test_of_headers_only_those_of_the_protocol_come_back(self, server: ScriptedServer) -> None:
        means = {
            "Content-Type": "application/json",
            "Location": "https://app.example.com/",
            "Retry-After": "3",
            "X-Retry-After": "3",
            "WWW-Authenticate": "Basic",
            "set-auth-token": "a",
            "set-auth-jwt": "b",
            "set-ott": "c",
            "Access-Control-Expose-Headers": "set-auth-token",
        }
        others = {
            "Connection": "close, X-Internal",
            "Keep-Alive": "timeout=5",
            "Server": "granian",
            "X-Internal": "10.0.0.7",
            "X-Frame-Options": "SAMEORIGIN",
            "Cache-Control": "public, max-age=9",
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Credentials": "true",
            "Strict-Transport-Security": "max-age=9",
            "Via": "1.1 inner",
            "Refresh": "0; url=https://evil.example",
            "Link": "<https://evil.example>; rel=preload",
        }
        says(server, "login", Told(200, b"{}", {**means, **others}))
        answer = ask("login", LOGIN)
        assert {name: answer.headers[name] for name in means} == means
        seen = {name.lower() for name in answer.headers}
        assert not seen & {name.lower() for name in others} - {"cache-control", "x-frame-options"}
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_cookies_come_back_as_they_were_written(self, server: ScriptedServer) -> None:
        cookies = [
            "better-auth.session_token=a%2Eb; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax; Partitioned",
            "__Secure-better-auth.session_data=; Max-Age=0; Path=/; Secure",
            "better-auth.dont_remember=x; Path=/",
        ]
        others = ["sessionid=theirs; Path=/", "csrftoken=theirs", "broken"]
        mixed = [cookie for pair in zip(cookies, others, strict=True) for cookie in pair]
        says(
            server,
            "login",
            Told(200, b"{}", [("Content-Type", "application/json"), *(("Set-Cookie", one) for one in mixed)]),
        )
        answer = ask("login", LOGIN)
        assert [morsel.OutputString() for morsel in answer.cookies.values()] == cookies

    def test_a_prefix_that_differs_is_said(
        self, server: ScriptedServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        says(server, "login", Told(200, b"{}", {**JSON, "Set-Cookie": "shop.session_token=secret; Path=/"}))
        assert ask("login", LOGIN).cookies == {}
        assert "COOKIES.PREFIX" in caplog.text
        assert "secret" not in caplog.text

    @pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 429, 500])
    def test_refusals_come_back_as_they_are(self, server: ScriptedServer, status: int) -> None:
        told = b'{"message":"told","code":"TOLD"}'
        says(server, "login", Told(status, told, JSON))
        answer = ask("login", LOGIN)
        assert (answer.status_code, answer.content) == (status, told)
        assert answer.headers["Content-Type"] == "application/json"

    def test_an_empty_answer_is_empty(self, server: ScriptedServer) -> None:
        says(server, "login", Told(404))
        answer = ask("login", LOGIN)
        assert (answer.status_code, answer.content, "Content-Type" in answer.headers) == (404, b"", False)

    @pytest.mark.parametrize(
        "told",
        [
            Told(200, b"<html>", {"Content-Type": "text/html"}),
            Told(404, b"<html>", {"Content-Type": "text/html; charset=utf-8"}),
            Told(200, b"<svg>", {"Content-Type": "image/svg+xml"}),
            Told(200, b"{}"),
            Told(200, b"\x1f\x8b", {**JSON, "Content-Encoding": "gzip"}),
            Told(999, b"{}", JSON),
        ],
        ids=str,
    )
    def test_what_no_auth_server_answers_is_not_passed_on(self, server: ScriptedServer, told: Told) -> None:
        says(server, "login", told)
        answer = ask("login", LOGIN)
        assert (answer.status_code, answer.json()["code"]) == (502, "AUTH_SERVER_MISBEHAVES")
        assert b"<" not in answer.content


class TestTroubles:
    def ensure_unavailable(self, answer: Any, status: int, code: str) -> None:
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.headers["Cache-Control"] == "no-store"

    def test_nobody_there(self, server: ScriptedServer) -> None:
        server.stop()
        self.ensure_unavailable(ask("login", LOGIN), 503, "AUTH_SERVER_UNAVAILABLE")

    def test_a_connection_that_is_cut(self, server: ScriptedServer) -> None:
        says(server, "login", HangUp())
        self.ensure_unavailable(ask("login", LOGIN), 503, "AUTH_SERVER_UNAVAILABLE")
        assert len(server.asked) == 1  # it may have been done: it is not asked again

    def test_no_answer_in_time(self, server: ScriptedServer, configure: Configure) -> None:
        configure(AUTH_SERVER={"TIMEOUT_MS": 300})
        says(server, "login", Told(200, b"{}", JSON, seconds=2))
        self.ensure_unavailable(ask("login", LOGIN), 504, "AUTH_SERVER_TIMEOUT")

    def test_an_answer_that_trickles(self, server: ScriptedServer, configure: Configure) -> None:
        configure(AUTH_SERVER={"TIMEOUT_MS": 500})
        says(server, "login", Told(200, [b"x"] * 100, JSON, seconds=0.1))
        self.ensure_unavailable(ask("login", LOGIN), 504, "AUTH_SERVER_TIMEOUT")

    def test_an_answer_without_end(self, server: ScriptedServer) -> None:
        says(server, "login", Told(200, b"x" * (1024 * 1024 + 1), JSON))
        self.ensure_unavailable(ask("login", LOGIN), 503, "AUTH_SERVER_UNAVAILABLE")

    @pytest.mark.parametrize("status", [502, 503, 504])
    def test_a_server_in_between_that_reaches_nobody(self, server: ScriptedServer, status: int) -> None:
        says(server, "login", Told(status, b"<html>", {"Content-Type": "text/html"}))
        self.ensure_unavailable(ask("login", LOGIN), 503, "AUTH_SERVER_UNAVAILABLE")

    def test_an_auth_server_that_is_busy_says_so_itself(self, server: ScriptedServer) -> None:
        told = b'{"message":"busy","code":"SERVICE_UNAVAILABLE"}'
        says(server, "login", Told(503, told, {**JSON, "Retry-After": "9"}))
        answer = ask("login", LOGIN)
        assert (answer.status_code, answer.content, answer.headers["Retry-After"]) == (503, told, "9")

    def test_what_only_reads_is_asked_again(self, server: ScriptedServer, configure: Configure) -> None:
        configure(AUTH_SERVER={"RETRIES": 2})
        for name, times in (("introspect", 3), ("verify", 3), ("login", 1), ("refresh", 1), ("logout", 1)):
            says(server, name, HangUp())
            before = server.count(f"{PROXY}/{name}")
            ask(name, {})
            assert server.count(f"{PROXY}/{name}") - before == times, name
            configure(AUTH_SERVER={"BREAKER_SECONDS": 1 + times})  # begins anew

    def test_who_fails_on_and_on_is_left_alone(self, server: ScriptedServer) -> None:
        says(server, "login", HangUp())
        for _ in range(8):
            self.ensure_unavailable(ask("login", LOGIN), 503, "AUTH_SERVER_UNAVAILABLE")
        assert len(server.asked) == 5

    def test_no_secret_is_logged(
        self, server: ScriptedServer, configure: Configure, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        for told in (
            HangUp(),
            Told(200, b"<secret>"),
            Told(301, b"", {"Location": "/secret"}),
            Told(200, b"{}", JSON),
        ):
            says(server, "login", told)
            ask(
                "login",
                LOGIN,
                headers={"authorization": "Bearer secret"},
                HTTP_COOKIE="better-auth.session_token=secret",
            )
        assert "secret" not in caplog.text
