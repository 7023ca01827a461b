"""API keys in the one pipeline: at the protocol's endpoints, in the host's views, at introspection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apikeys.authenticator import authenticate
from apikeys.errors import KeyRefused
from apikeys.models import ApiKey
from apikeys.server_calls import update_api_key
from better_auth import clock, users
from better_auth.authentication.credentials import Credentials
from better_auth.events import AuthMethod
from better_auth.features.introspection.introspect import introspect
from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db
MakeKey = Callable[..., dict[str, Any]]


def program(key: str, **headers: str) -> ApiClient:
    return ApiClient(headers={"x-api-key": key, **headers})


def refused(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


class TestSessions:
    def test_it_is_a_session_without_a_row_and_without_a_cookie(
        self, owner: UserRecord, make_key: MakeKey, frozen_time: Any
    ) -> None:
        made = make_key()
        answer = program(made["key"], **{"user-agent": "cli/1"}).api("GET", "/get-session")
        now = clock.iso(clock.now())
        assert answer.json()["session"] == {
            "id": made["id"],
            "token": made["key"],
            "userId": owner.id,
            "userAgent": "cli/1",
            "ipAddress": "127.0.0.1",
            "createdAt": now,
            "updatedAt": now,
            # Seconds misread as milliseconds: some ten minutes.
            "expiresAt": clock.iso(clock.from_epoch_ms(clock.epoch_ms(clock.now()) + 604800)),
        }
        assert answer.json()["user"]["id"] == owner.id
        assert not answer.cookies
        assert "set-auth-token" not in answer.headers
        assert "set-auth-jwt" not in answer.headers

    def test_it_ends_with_the_key(self, make_key: MakeKey) -> None:
        made = make_key(expiresIn=86400)
        answer = program(made["key"]).api("GET", "/get-session")
        assert answer.json()["session"]["expiresAt"] == made["expiresAt"]

    @pytest.mark.parametrize("key", ["x", "x" * 63])
    def test_a_short_key_is_refused_unseen(self, owner: UserRecord, key: str) -> None:
        assert refused(program(key).api("GET", "/get-session")) == (403, "INVALID_API_KEY")

    def test_a_bad_key_is_refused_at_every_endpoint(self, owner: UserRecord) -> None:
        for method, path in (("GET", "/get-session"), ("GET", "/ok"), ("POST", "/sign-out")):
            answer = program("x" * 64).api(method, path)
            assert refused(answer) == (401, "INVALID_API_KEY"), path

    def test_a_key_outdoes_a_cookie(self, make_key: MakeKey, browser: ApiClient) -> None:
        browser.sign_up("eve@example.com")
        answer = browser.api("GET", "/get-session", headers={"x-api-key": make_key()["key"]})
        assert answer.json()["user"]["email"] == "ann@example.com"
        answer = browser.api("GET", "/get-session", headers={"x-api-key": "x" * 64})
        assert refused(answer) == (401, "INVALID_API_KEY")

    def test_each_call_is_one_use(self, make_key: MakeKey) -> None:
        made = make_key(remaining=4)
        client = program(made["key"])
        client.api("GET", "/get-session")
        client.api("GET", "/ok")
        client.api("POST", "/update-user", {"name": "Anna"})
        assert ApiKey.objects.get().remaining == 1

    def test_the_user_is_changed_without_a_cookie(self, owner: UserRecord, make_key: MakeKey) -> None:
        answer = program(make_key()["key"]).api("POST", "/update-user", {"name": "Anna"})
        assert answer.json() == {"status": True}
        assert not answer.cookies
        assert users.get(owner).name == "Anna"

    def test_keys_are_made_and_listed_with_a_key(self, make_key: MakeKey) -> None:
        client = program(make_key()["key"])
        assert client.api("POST", "/api-key/create", {"name": "next"}).status_code == 200
        assert client.api("GET", "/api-key/list").json()["total"] == 2
        assert client.api("GET", "/list-sessions").json() == []

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", "/change-email", {"newEmail": "new@example.com"}),
            ("POST", "/change-password", {"newPassword": "another password", "currentPassword": "x"}),
            ("POST", "/delete-user", {}),
            ("POST", "/revoke-sessions", None),
            ("POST", "/revoke-session", {"token": "x"}),
            ("POST", "/unlink-account", {"accountId": "x"}),
            ("POST", "/token", {"grant_type": "session"}),
            ("GET", "/token", None),
        ],
    )
    def test_what_needs_a_stored_session_refuses_it(
        self, make_key: MakeKey, method: str, path: str, body: Any
    ) -> None:
        assert refused(program(make_key()["key"]).api(method, path, body)) == (401, "UNAUTHORIZED")
        assert ApiKey.objects.exists()

    def test_no_administrator_acts_by_a_key(self, owner: UserRecord, make_key: MakeKey) -> None:
        users.update(owner, role="admin")
        answer = program(make_key()["key"]).api("GET", "/admin/list-users")
        assert (answer.status_code, answer.content) == (401, b"")

    def test_of_an_owner_who_is_shut_out_or_gone(self, owner: UserRecord, make_key: MakeKey) -> None:
        made = make_key()
        users.update(owner, banned=True)
        answer = program(made["key"]).api("GET", "/get-session")
        assert refused(answer) == (401, "INVALID_REFERENCE_ID_FROM_API_KEY")
        ApiKey.objects.update(reference_id="nobody")
        answer = program(made["key"]).api("GET", "/get-session")
        assert answer.status_code == 401

    def test_limits_are_told_with_their_status(self, make_key: MakeKey) -> None:
        made = make_key(rateLimitEnabled=True, rateLimitMax=1, rateLimitTimeWindow=60_000)
        client = program(made["key"])
        assert client.api("GET", "/get-session").status_code == 200
        answer = client.api("GET", "/get-session")
        assert refused(answer) == (429, "RATE_LIMITED")
        assert 0 < answer.json()["details"]["tryAgainIn"] <= 60_000

    def test_where_sessions_are_off_the_header_is_passed_over(
        self, make_key: MakeKey, configure: Any, browser: ApiClient
    ) -> None:
        key = make_key()["key"]
        browser.sign_in()
        configure(API_KEYS={"ENABLE_SESSION": False})
        assert program(key).api("GET", "/get-session").json() is None
        answer = browser.api("GET", "/get-session", headers={"x-api-key": "x"})
        assert answer.json()["user"]["email"] == "ann@example.com"

    def test_a_configuration_decides_for_its_own_keys(self, make_key: MakeKey, configure: Any) -> None:
        configure(API_KEYS={"ENABLE_SESSION": False, "CONFIGURATIONS": {"cli": {"ENABLE_SESSION": True}}})
        plain, cli = make_key(), make_key(config_id="cli")
        assert refused(program(plain["key"]).api("GET", "/get-session")) == (401, "INVALID_API_KEY")
        assert program(cli["key"]).api("GET", "/get-session").status_code == 200

    def test_other_headers_may_carry_keys(self, make_key: MakeKey, configure: Any) -> None:
        configure(API_KEYS={"HEADERS": ["X-Token", "x-api-key"]})
        first, second = make_key(), make_key()
        answer = ApiClient(headers={"x-token": first["key"]}).api("GET", "/get-session")
        assert answer.json()["session"]["id"] == first["id"]
        answer = program(second["key"], **{"x-token": first["key"]}).api("GET", "/get-session")
        assert answer.json()["session"]["id"] == first["id"]


class TestBearer:
    def test_only_where_the_settings_allow(self, make_key: MakeKey, configure: Any) -> None:
        client = ApiClient(headers={"authorization": f"Bearer {make_key()['key']}"})
        assert client.session() is None
        configure(API_KEYS={"BEARER": True})
        assert client.session()["user"]["email"] == "ann@example.com"

    def test_session_tokens_go_on_as_before(self, owner: UserRecord, configure: Any) -> None:
        configure(API_KEYS={"BEARER": True})
        token = ApiClient().sign_in().json()["token"]
        client = ApiClient(headers={"authorization": f"Bearer {token}"})
        assert client.session()["user"]["id"] == owner.id


class TestPrincipal:
    def test_it_speaks_for_its_owner_and_says_what_it_may(self, owner: UserRecord, make_key: MakeKey) -> None:
        made = make_key(permissions={"files": ["read", "write"]})
        principal = authenticate(Credentials(api_key=made["key"]))
        assert principal is not None
        assert (principal.user.id, principal.session) == (owner.id, None)
        assert principal.method is AuthMethod.API_KEY
        assert principal.claims is not None
        assert principal.claims["permissions"] == {"files": ["read", "write"]}
        assert principal.claims["scope"] == "files:read files:write"

    def test_short_keys_of_elsewhere_are_good_outside_the_protocol(self, owner: UserRecord) -> None:
        from better_auth.crypto.identifiers import api_key_digest

        ApiKey.objects.create(reference_id=owner.id, key_hash=api_key_digest("short-but-known"))
        assert authenticate(Credentials(api_key="short-but-known")) is not None

    def test_nobody_shows_nothing(self) -> None:
        assert authenticate(Credentials()) is None

    def test_a_refusal_has_its_code(self, owner: UserRecord) -> None:
        with pytest.raises(KeyRefused, match="Invalid API key"):
            authenticate(Credentials(api_key="x" * 64))


class TestIntrospection:
    def test_it_tells_of_keys(self, owner: UserRecord, make_key: MakeKey) -> None:
        made = make_key(permissions={"files": ["read"]}, expiresIn=86400, remaining=5)
        told = introspect(made["key"], asked_by="service")
        assert told["active"] is True
        assert (told["sub"], told["scope"], told["method"]) == (owner.id, "files:read", "api_key")
        assert told["exp"] == ApiKey.objects.get().expires_at.timestamp() // 1
        assert "permissions" not in told
        assert ApiKey.objects.get().remaining == 4

    def test_of_a_bad_key_nothing_more_than_that(self, make_key: MakeKey) -> None:
        made = make_key()
        update_api_key(made["id"], enabled=False)
        assert introspect(made["key"], asked_by="service") == {"active": False}
