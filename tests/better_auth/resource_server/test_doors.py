"""The middleware, sync and async, and the authentication of REST framework: what a caller gets."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from better_auth.resource_server import metrics
from better_auth.resource_server.drf import TokenAuthentication
from better_auth.resource_server.middleware import ResourceServerMiddleware
from better_auth.resource_server.principal import Principal
from tests.better_auth.resource_server.conftest import INTROSPECT, AuthServer
from tests.scripted_server import Told
from tests.server import CHECKOUT

TOKEN = "t" * 32
NOBODY = {"principal": None, "method": None, "user": None}
Door = Callable[[str | None], Any]

pytestmark = pytest.mark.urls("tests.resource_project.urls")


@pytest.fixture(autouse=True)
def _as_a_service(settings: Any) -> None:
    """As the settings of ``tests.resource_project``."""
    settings.MIDDLEWARE = ["better_auth.resource_server.middleware.ResourceServerMiddleware"]


def headers_of(token: str | None) -> dict[str, str]:
    return {} if token is None else {"authorization": f"Bearer {token}"}


def sync_view(token: str | None) -> Any:
    return Client(headers=headers_of(token)).get("/whoami")


def async_view(token: str | None) -> Any:
    return async_to_sync(AsyncClient().get)("/whoami-async", headers=headers_of(token))


VIEWS = pytest.mark.parametrize("view", [sync_view, async_view], ids=["sync", "async"])


def drf(path: str, token: str | None) -> Any:
    return Client(headers=headers_of(token)).get(f"/drf/{path}")


def ann(method: str) -> dict[str, Any]:
    return {"principal": "u1", "method": method, "user": "ann@example.com"}


class TestMiddleware:
    @VIEWS
    def test_who_calls(self, server: AuthServer, view: Door) -> None:
        for token, method in ((server.sign(), "jwt"), (server.give_out(TOKEN), "bearer")):
            response = view(token)
            assert (response.status_code, response.json()) == (200, ann(method))
            assert response.headers["Vary"] == "Authorization"

    @VIEWS
    @pytest.mark.parametrize("token", [None, "", "nonsense", "x" * 32, "a.b.c", "x" * 65536])
    def test_nobody(self, server: AuthServer, view: Door, token: str | None) -> None:
        response = view(token)
        assert (response.status_code, response.json()) == (200, NOBODY)
        assert response.headers["Vary"] == "Authorization"

    @VIEWS
    def test_no_verdict_reaches_no_view(self, server: AuthServer, view: Door) -> None:
        server.answer(INTROSPECT, lambda _: Told(429, headers={"X-Retry-After": "3"}))
        response = view(TOKEN)
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "3"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.json()["code"] == "AUTH_SERVER_UNAVAILABLE"

    @VIEWS
    def test_without_a_token_the_auth_server_is_no_matter(self, server: AuthServer, view: Door) -> None:
        server.stop()
        assert (view(None).status_code, view("nonsense").status_code) == (200, 200)

    @pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer ", "Basic", "Token"])
    def test_the_scheme(self, server: AuthServer, scheme: str) -> None:
        response = Client(headers={"authorization": f"{scheme} {server.sign()}"}).get("/whoami")
        assert response.json()["principal"] == ("u1" if scheme.strip().lower() == "bearer" else None)

    def test_whoever_was_the_user_before_stays_it_without_a_token(self, server: AuthServer) -> None:
        seen: list[Any] = []

        def view(request: HttpRequest) -> HttpResponse:
            seen.append(request.user)
            return HttpResponse()

        middleware = ResourceServerMiddleware(view)
        for token in (None, "nonsense", server.sign()):
            request = RequestFactory(headers=headers_of(token)).get("/")
            request.user = AnonymousUser()
            middleware(request)
        assert [one.is_authenticated for one in seen] == [False, False, True]
        user = seen[2]
        may = [user.has_perm("x"), user.has_perms(["x"]), user.has_module_perms("x"), user.is_staff]
        assert not any(may)

    def test_without_an_auth_server_it_does_not_start(self, configure: Any) -> None:
        configure(AUTH_SERVER={"URL": None})
        with pytest.raises(ImproperlyConfigured):
            ResourceServerMiddleware(lambda request: HttpResponse())


class TestRestFramework:
    def test_who_calls(self, server: AuthServer) -> None:
        for token, method in ((server.sign(), "jwt"), (server.give_out(TOKEN), "bearer")):
            for path in ("open", "signed-in"):
                response = drf(path, token)
                assert (response.status_code, response.json()) == (200, ann(method))

    def test_nobody(self, server: AuthServer) -> None:
        assert drf("open", None).json() == NOBODY
        refused = drf("signed-in", None)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == 'Bearer realm="api"'

    @pytest.mark.parametrize("path", ["open", "signed-in"])
    def test_a_bad_token(self, server: AuthServer, path: str) -> None:
        """RFC 6750, section 3.1. That it is bad is said even where nobody need sign in."""
        response = drf(path, "x" * 32)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'

    @pytest.mark.parametrize("path", ["open", "signed-in"])
    def test_no_verdict(self, server: AuthServer, path: str, settings: Any) -> None:
        settings.MIDDLEWARE = []
        server.answer(INTROSPECT, lambda _: Told(503, headers={"Retry-After": "4"}))
        response = drf(path, TOKEN)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "4")
        assert "auth server" in response.json()["detail"]

    @pytest.mark.parametrize(("told", "status"), [(True, 200), (False, 403), (None, 403), ("true", 403)])
    def test_a_verified_address(self, server: AuthServer, told: Any, status: int) -> None:
        assert drf("verified", server.sign(emailVerified=told)).status_code == status
        token = server.give_out(f"{told!s:x>32}", email_verified=told)
        assert drf("verified", token).status_code == status

    @pytest.mark.parametrize(
        ("scope", "status"),
        [
            ("notes:read", 200),
            ("a notes:read b", 200),
            ("notes:read2", 403),
            ("", 403),
            (None, 403),
            (["notes:read"], 403),
        ],
    )
    def test_how_far_a_token_reaches(self, server: AuthServer, scope: Any, status: int) -> None:
        response = drf("reading", server.sign(scope=scope))
        assert response.status_code == status
        assert drf("reading", None).status_code == 401

    def test_users_of_the_service_itself(self, server: AuthServer) -> None:
        class Own(TokenAuthentication):
            def user_of(self, principal: Principal) -> Any:
                if principal.user.id != "u1":
                    raise AuthenticationFailed
                return f"row of {principal.user.id}"

        def user(token: str) -> Any:
            found = Own().authenticate(Request(RequestFactory(headers=headers_of(token)).get("/")))
            return found[0] if found else None

        assert user(server.sign()) == "row of u1"
        with pytest.raises(AuthenticationFailed):
            user(server.sign(sub="u2"))


def test_what_is_counted(server: AuthServer) -> None:
    metrics.connect()

    def counts() -> Counter[tuple[str, ...]]:
        """By the labels' values, so far."""
        found = Counter[tuple[str, ...]]()
        for metric in (metrics.tokens, metrics.calls, metrics.seconds):
            for sample in metric.collect()[0].samples:
                if sample.name.endswith(("_total", "_count")):
                    found[tuple(sample.labels.values())] += int(sample.value)
        return found

    before = counts()
    for token in (server.sign(), server.give_out(TOKEN), "x" * 32, "nonsense"):
        sync_view(token)
    server.answer(INTROSPECT, 429)
    sync_view("y" * 32)
    assert counts() - before == {
        ("jwt", "accepted"): 1,
        ("opaque", "accepted"): 1,
        ("opaque", "refused"): 1,
        ("none", "refused"): 1,
        ("opaque", "undecided"): 1,
        ("jwks", "answered"): 1,
        ("jwks",): 1,
        ("introspect", "answered"): 3,
        ("introspect",): 3,
    }


@pytest.mark.parametrize(
    "name", ["better_auth.resource_server.drf.TokenAuthentication", "better_auth.drf.BetterAuthentication"]
)
def test_it_may_be_the_default_of_rest_framework(name: str) -> None:
    """REST framework imports the classes of its settings while it is imported itself."""
    code = f"""
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
from django.conf import settings
settings.REST_FRAMEWORK = {{"DEFAULT_AUTHENTICATION_CLASSES": ["{name}"]}}
django.setup()
from rest_framework.views import APIView
print(APIView.authentication_classes)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert name.rpartition(".")[2] in done.stdout
