"""API keys at the host's doors: middleware, REST framework, introspection, the command."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.drf import HasApiKeyPermission, IsApiKey
from apikeys.models import ApiKey
from apikeys.server_calls import update_api_key, verify_api_key
from better_auth.drf import BetterAuthentication, IsSignedIn
from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient
from tests.host.trust import TRUST
from tests.host.urls import urlpatterns as of_host

MakeKey = Callable[..., dict[str, Any]]
LOOK_FIRST = "tests.apikeys.test_doors.look_first"
LEVELS = "better_auth.storage.verified_sessions"


class Files(APIView):
    authentication_classes = (BetterAuthentication,)
    permission_classes = (HasApiKeyPermission("files", "read"),)

    def get(self, request: Any) -> Response:
        return Response({"who": request.user.email})


class FilesForAll(Files):
    permission_classes = ((IsSignedIn & ~IsApiKey) | HasApiKeyPermission("files", "read", "write"),)


class TwoDoors(Files):
    """The middleware is asked before REST framework is."""

    permission_classes = ()

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        assert request.principal.method == "api_key"
        return super().dispatch(request, *args, **kwargs)


urlpatterns = [
    *of_host,
    path("files", Files.as_view()),
    path("files-for-all", FilesForAll.as_view()),
    path("two-doors", TwoDoors.as_view()),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.apikeys.test_doors")]


def program(key: str) -> ApiClient:
    return ApiClient(headers={"x-api-key": key})


def look_first(get_response: Any) -> Any:
    """Middleware of the host's that asks who calls, whoever it is."""

    def asked(request: Any) -> Any:
        _ = bool(request.principal)
        return get_response(request)

    return asked


def ask_first(get_response: Any) -> Any:
    """Middleware of the host's that looks who calls."""

    def asked(request: Any) -> Any:
        assert request.principal.method == "api_key"
        return get_response(request)

    return asked


class TestMiddleware:
    def test_it_names_the_owner_and_the_way(self, make_key: MakeKey) -> None:
        answer = program(make_key()["key"]).get("/whoami")
        email = "ann@example.com"
        assert answer.json() == {"principal": email, "method": "api_key", "user": email}
        assert "x-api-key" in answer.headers["Vary"]

    def test_a_bad_key_is_nobodys(self, owner: UserRecord) -> None:
        client = program("x" * 64)
        assert client.get("/whoami").json()["principal"] is None
        assert client.get("/why").json()["refusal"] == "INVALID_API_KEY"

    def test_it_is_taken_where_keys_are_no_sessions(self, make_key: MakeKey, configure: Any) -> None:
        configure(API_KEYS={"ENABLE_SESSION": False})
        assert program(make_key()["key"]).get("/whoami").json()["method"] == "api_key"


class TestRestFramework:
    @pytest.mark.parametrize(
        ("permissions", "status"),
        [({"files": ["read"]}, 200), ({"files": ["write"]}, 403), ({"mail": ["read"]}, 403), (None, 403)],
    )
    def test_a_permission_is_asked_for(self, make_key: MakeKey, permissions: Any, status: int) -> None:
        more = {"permissions": permissions} if permissions else {}
        answer = program(make_key(**more)["key"]).get("/files")
        assert answer.status_code == status

    def test_people_have_no_key(self, owner: UserRecord, browser: ApiClient) -> None:
        browser.sign_in()
        assert browser.get("/files").status_code == 403
        assert browser.get("/files-for-all").status_code == 200
        assert ApiClient().get("/files-for-all").status_code == 401

    def test_every_action_must_be_granted(self, make_key: MakeKey) -> None:
        some, all_of_them = ({"files": ["read"]}, {"files": ["write", "read"]})
        assert program(make_key(permissions=some)["key"]).get("/files-for-all").status_code == 403
        assert program(make_key(permissions=all_of_them)["key"]).get("/files-for-all").status_code == 200

    def test_bad_keys_are_401_and_spent_ones_429(self, make_key: MakeKey) -> None:
        answer = program("x" * 64).get("/files")
        assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_API_KEY")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
        made = make_key(
            permissions={"files": ["read"]}, rateLimitEnabled=True, rateLimitMax=1, rateLimitTimeWindow=60_000
        )
        client = program(made["key"])
        assert client.get("/files").status_code == 200
        answer = client.get("/files")
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 60
        assert made["key"] not in answer.content.decode()

    def test_a_request_is_one_use_at_however_many_doors(self, make_key: MakeKey) -> None:
        made = make_key(remaining=5)
        assert program(made["key"]).get("/two-doors").status_code == 200
        assert ApiKey.objects.get().remaining == 4

    @pytest.mark.parametrize("path", ["/two-doors", "/api/auth/get-session"])
    def test_a_middleware_that_asks_first_is_no_further_use(
        self, make_key: MakeKey, settings: Any, path: str
    ) -> None:
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, LOOK_FIRST]
        made = make_key(remaining=5)
        assert program(made["key"]).get(path).status_code == 200
        assert ApiKey.objects.get().remaining == 4

    @pytest.mark.parametrize("path", ["/files", "/api/auth/get-session"])
    @pytest.mark.parametrize(
        ("now", "status", "code"),
        [
            ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, 401, "KEY_EXPIRED"),
            ({"remaining": 0}, 429, "USAGE_EXCEEDED"),
            ({"enabled": False}, 401, "KEY_DISABLED"),
        ],
    )
    @pytest.mark.parametrize("is_asked_first", [False, True])
    def test_a_refusal_says_why(
        self,
        make_key: MakeKey,
        settings: Any,
        path: str,
        now: dict[str, Any],
        status: int,
        code: str,
        is_asked_first: bool,
    ) -> None:
        """Though the key has gone with the first refusal."""
        if is_asked_first:
            settings.MIDDLEWARE = [*settings.MIDDLEWARE, LOOK_FIRST]
        made = make_key()
        ApiKey.objects.update(**now)
        answer = program(made["key"]).get(path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    def test_a_key_counts_for_nothing_where_a_session_is_shown(
        self, make_key: MakeKey, settings: Any, configure: Any, browser: ApiClient
    ) -> None:
        """Endpoints that take no keys do not refuse one that the middleware has refused."""
        configure(API_KEYS={"ENABLE_SESSION": False})
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, LOOK_FIRST]
        made = make_key()
        ApiKey.objects.update(enabled=False)
        browser.sign_in()
        answer = browser.get("/api/auth/get-session", headers={"x-api-key": made["key"]})
        assert answer.json()["user"]["email"] == "ann@example.com"

    def test_zero_trust_is_no_further_use(self, make_key: MakeKey, settings: Any) -> None:
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, TRUST]
        made = make_key(remaining=2)
        client = program(made["key"])
        assert [client.get("/two-doors").status_code for _ in range(3)] == [200, 200, 429]

    @pytest.mark.parametrize("is_known", [False, True])
    def test_a_recheck_asks_the_database(
        self,
        make_key: MakeKey,
        configure: Any,
        settings: Any,
        monkeypatch: pytest.MonkeyPatch,
        is_known: bool,
    ) -> None:
        """Whatever a process remembers of the key, and though the middleware above took it; as one use."""
        middleware = [*settings.MIDDLEWARE, TRUST]
        if is_known:
            middleware.insert(-1, "tests.apikeys.test_doors.ask_first")
        settings.MIDDLEWARE = middleware
        configure(ZERO_TRUST={"POLICIES": [{"paths": ["/two-doors"], "policy": {"recheck": True}}]})
        made = make_key(remaining=5)
        monkeypatch.setattr(f"{LEVELS}.may_remember", lambda: True)
        monkeypatch.setattr(f"{LEVELS}.may_trust_memory", lambda: True)
        monkeypatch.setattr(f"{LEVELS}.trusted_redis", lambda: (None, None))
        client = program(made["key"])
        assert client.get("/two-doors").status_code == 200
        assert ApiKey.objects.get().remaining == 4
        assert verify_api_key(made["key"])["valid"]
        ApiKey.objects.update(enabled=False)  # elsewhere, and nobody has told this process yet
        assert verify_api_key(made["key"])["valid"]
        refusal = client.get("/two-doors")
        assert (refusal.status_code, refusal.json()["code"]) == (401, "KEY_DISABLED")

    def test_a_permission_without_an_action_is_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="at least one action"):
            HasApiKeyPermission("files")


class TestAskingAboutTokens:
    @pytest.mark.parametrize("is_session", [True, False])
    def test_a_service_may_ask_with_a_key(self, make_key: MakeKey, configure: Any, is_session: bool) -> None:
        configure(API_KEYS={"ENABLE_SESSION": is_session})
        asked = make_key(permissions={"files": ["read"]})
        service = program(make_key()["key"])
        told = service.api("POST", "/introspect", {"token": asked["key"]}).json()
        assert (told["active"], told["scope"]) == (True, "files:read")

    def test_a_disabled_key_asks_nothing(self, make_key: MakeKey) -> None:
        made = make_key()
        update_api_key(made["id"], enabled=False)
        answer = program(made["key"]).api("POST", "/introspect", {"token": "x" * 64})
        assert answer.status_code == 401


class TestCommand:
    def run(self, *arguments: str) -> str:
        out = io.StringIO()
        call_command("create_api_key", *arguments, stdout=out, no_color=True)
        return out.getvalue()

    def test_it_prints_the_key_once(self, owner: UserRecord) -> None:
        text = self.run(
            *("--user", "Ann@example.com", "--name", "deploy", "--prefix", "live_", "--days", "30"),
            *("--permission", "files:read", "--permission", "files:write", "--limit", "100/60"),
        )
        key = text.rpartition("Shown only this once: ")[2].strip()
        told = verify_api_key(key, permissions={"files": ["read", "write"]})["key"]
        assert (told["referenceId"], told["name"]) == (owner.id, "deploy")
        assert (told["rateLimitMax"], told["rateLimitTimeWindow"]) == (100, 60_000)
        assert key.startswith("live_")

    def test_without_a_limit(self, owner: UserRecord) -> None:
        self.run("--user", owner.id, "--unlimited", "--remaining", "5")
        row = ApiKey.objects.get()
        assert (row.rate_limit_enabled, row.remaining) == (False, 5)

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--user", "nobody@example.com"],
            ["--user", "ann@example.com", "--days", "999"],
            ["--user", "ann@example.com", "--prefix", "not good"],
            ["--user", "ann@example.com", "--permission", "files"],
            ["--user", "ann@example.com", "--limit", "often"],
            [],
        ],
    )
    def test_mistakes_are_told(self, owner: UserRecord, arguments: list[str]) -> None:
        with pytest.raises(CommandError):
            self.run(*arguments)
        assert not ApiKey.objects.exists()
