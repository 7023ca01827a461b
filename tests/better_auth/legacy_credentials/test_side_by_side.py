"""Two systems in one pipeline: who speaks first, what it costs, and what is remembered for how long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY

from better_auth import users
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.pipeline import authenticate
from better_auth.authentication.principal import Principal
from better_auth.front_door import Knock
from better_auth.front_door import answer as answer_at_door
from better_auth.http.credentials import from_request
from better_auth.legacy_credentials import last_methods
from better_auth.storage.records import UserRecord, has_user_row
from migration_tools.models import MigrationRecord
from tests.conftest import ApiClient
from tests.host.legacy_credentials import SCHEMES, bring, record, service_jwt, settings_of, show, simple_jwt

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.host.urls")]
Configure = Callable[..., None]
USE_OF_SESSION = ("/api/auth/get-session", "/whoami", "/drf/open", "/api/auth/list-sessions")


@pytest.fixture
def bob(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user("bob@example.com")


def principal_of(headers: dict[str, str]) -> Principal:
    found = authenticate(from_request(RequestFactory().get("/", headers=headers)))
    assert found is not None
    return found


def both(browser: ApiClient, headers: dict[str, str]) -> dict[str, str]:
    """The headers of a request with our cookie and a credential of the former system."""
    own = "; ".join(f"{one.key}={one.value}" for one in browser.cookies.values())
    joined = "; ".join([own, headers["cookie"]]) if "cookie" in headers else own
    return {**headers, "cookie": joined}


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("scheme", SCHEMES)
class TestOrder:
    def test_ours_is_preferred(
        self, browser: ApiClient, ann: UserRecord, bob: UserRecord, scheme: str
    ) -> None:
        bring("4711", bob)
        browser.sign_in()
        headers = both(browser, show(scheme, "valid", "4711").headers)
        for door in ("/api/auth/get-session", "/whoami", "/drf/open"):
            told = Client(headers=headers).get(door).json()
            assert (told["user"] if "principal" in told else told["user"]["email"]) == ann.email

    def test_or_the_former_systems(
        self, browser: ApiClient, ann: UserRecord, bob: UserRecord, scheme: str, configure: Configure
    ) -> None:
        configure(DUAL_AUTH={"PREFER_BETTER_AUTH": False})
        bring("4711", bob)
        browser.sign_in()
        headers = both(browser, show(scheme, "valid", "4711").headers)
        for door in ("/api/auth/get-session", "/whoami", "/drf/open"):
            told = Client(headers=headers).get(door).json()
            assert (told["user"] if "principal" in told else told["user"]["email"]) == bob.email

    @pytest.mark.parametrize("prefers", [True, False])
    def test_a_dead_session_of_ours_stops_nobody(
        self, browser: ApiClient, ann: UserRecord, scheme: str, configure: Configure, prefers: bool
    ) -> None:
        configure(DUAL_AUTH={"PREFER_BETTER_AUTH": prefers})
        bring("4711", ann)
        browser.sign_in()
        headers = both(browser, show(scheme, "valid", "4711").headers)
        browser.api("POST", "/sign-out", {})
        for door in ("/api/auth/get-session", "/whoami", "/drf/open"):
            told = Client(headers=headers).get(door).json()
            assert (told["user"] if "principal" in told else told["user"]["email"]) == ann.email

    @pytest.mark.parametrize("prefers", [True, False])
    def test_a_dead_one_of_theirs_stops_nobody_either(
        self, browser: ApiClient, ann: UserRecord, scheme: str, configure: Configure, prefers: bool
    ) -> None:
        configure(DUAL_AUTH={"PREFER_BETTER_AUTH": prefers})
        bring("4711", ann)
        browser.sign_in()
        headers = both(browser, show(scheme, "revoked", "4711").headers)
        doors = ["/api/auth/get-session", "/whoami"]
        if prefers or scheme == "sessions":  # a bad bearer is REST framework's 401, if it is looked at
            doors.append("/drf/open")
        for door in doors:
            told = Client(headers=headers).get(door).json()
            assert (told["user"] if "principal" in told else told["user"]["email"]) == ann.email


def knock(headers: dict[str, str]) -> Any:
    given = Knock(
        "GET",
        "/api/auth/get-session",
        "",
        "testserver",
        False,
        headers.get("cookie", ""),
        headers.get("authorization", ""),
        "127.0.0.1",
        None,
    )
    return answer_at_door(given, may_wait=True)


@pytest.mark.usefixtures("beside")
class TestFrontDoor:
    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_it_leaves_the_former_systems_to_django(self, ann: UserRecord, scheme: str) -> None:
        bring("4711", ann)
        assert knock(show(scheme, "valid", "4711").headers) is None

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_it_answers_nobody_by_mistake(
        self, browser: ApiClient, ann: UserRecord, bob: UserRecord, scheme: str, configure: Configure
    ) -> None:
        bring("4711", bob)
        browser.sign_in()
        headers = both(browser, show(scheme, "valid", "4711").headers)
        configure(DUAL_AUTH={"PREFER_BETTER_AUTH": False})
        assert knock(headers) is None


@pytest.mark.django_db(transaction=True)
def test_sessions_of_ours_the_front_door_answers_as_ever(
    browser: ApiClient, ann: UserRecord, configure: Configure
) -> None:
    configure(DUAL_AUTH=settings_of())
    browser.sign_in()
    for more in ({}, {"cookie": "sessionid=" + "x" * 32}):
        ready = knock(both(browser, more))
        assert ready is not None
        assert ann.email.encode() in ready.body
    assert knock({}).body == b"null"


class TestCost:
    def test_a_session_of_ours_costs_no_statement_more(
        self, browser: ApiClient, ann: UserRecord, configure: Configure, request: Any
    ) -> None:
        browser.sign_in()
        browser.cookies["sessionid"] = "x" * 32
        bearer = browser.session()["session"]["token"]

        def statements() -> list[list[str]]:
            found = []
            for headers in ({}, {"authorization": f"Bearer {bearer}"}):
                for door in USE_OF_SESSION:
                    with CaptureQueriesContext(
                        connection,
                    ) as queries:
                        assert browser.get(door, headers=headers).status_code == 200
                    found.append([one["sql"].partition("WHERE")[0] for one in queries])
            return found

        # The host's own AuthenticationMiddleware reads Django's session where nobody else is asked first.
        without = statements()
        request.getfixturevalue("beside")
        assert statements() == without

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("scheme", ["jwt", "simplejwt"])
    def test_a_jwt_that_came_before_costs_none(
        self, ann: UserRecord, scheme: str, django_assert_num_queries: Any, configure: Configure
    ) -> None:
        configure(
            DUAL_AUTH={
                "ENABLED": True,
                "JWT": {"ENABLED": True, "SECRET": "of-the-former-system-0123456789-abcdefghijkl"},
                "SIMPLEJWT": {"ENABLED": True, "SECRET": "of-its-simplejwt-0123456789-zyxwvutsrqponmlk"},
            }
        )
        record("4711", ann)
        token = service_jwt("4711") if scheme == "jwt" else simple_jwt("4711")
        credentials = Credentials(bearer=token)
        authenticate(credentials)
        with django_assert_num_queries(0):
            assert authenticate(credentials) is not None


@pytest.mark.usefixtures("beside")
class TestLastMethod:
    def last(self, user: UserRecord) -> str:
        row = users.row_of(user)
        return str((row if has_user_row() else row.better_auth_profile).last_auth_method)

    def test_it_is_kept_behind_the_requests(self, ann: UserRecord) -> None:
        bring("4711", ann)
        token = service_jwt("4711")
        for _ in range(5):
            authenticate(Credentials(bearer=token))
        assert self.last(ann) == ""
        last_methods.flush()
        assert self.last(ann) == "legacy_jwt"
        with CaptureQueriesContext(connection) as queries:
            authenticate(Credentials(bearer=token))
            last_methods.flush()
        assert [one for one in queries if "UPDATE" in one["sql"]] == []

    def test_a_change_is_written(self, ann: UserRecord) -> None:
        bring("4711", ann)
        authenticate(Credentials(bearer=service_jwt("4711")))
        last_methods.flush()
        authenticate(Credentials(bearer=simple_jwt("4711")))
        last_methods.flush()
        assert self.last(ann) == "legacy_simplejwt"

    def test_asking_about_a_token_is_no_use_of_it(self, ann: UserRecord) -> None:
        bring("4711", ann)
        authenticate(Credentials(bearer=service_jwt("4711"), read_only=True))
        last_methods.flush()
        assert self.last(ann) == ""


@pytest.mark.usefixtures("beside")
class TestOldClaims:
    def test_of_a_jwt_they_are_as_they_came(self, ann: UserRecord) -> None:
        bring("4711", ann)
        token = service_jwt("4711", roles=["editor"], email="old@example.org")
        claims = authenticate(Credentials(bearer=token)).legacy_claims()  # type: ignore[union-attr]
        assert (claims["sub"], claims["roles"], claims["email"]) == ("4711", ["editor"], "old@example.org")

    @pytest.mark.parametrize("scheme", ["authtoken", "sessions"])
    def test_of_others_they_are_made(self, ann: UserRecord, scheme: str, configure: Configure) -> None:
        bring("4711", ann)
        headers = show(scheme, "valid", "4711").headers
        assert principal_of(headers).legacy_claims() == {"user_id": "4711", "email": ann.email}
        configure(DUAL_AUTH={"CLAIMS": {"uid": "legacy_id", "given": "name", "plan": "plan"}})
        assert principal_of(headers).legacy_claims() == {"uid": "4711", "given": ann.name, "plan": None}

    def test_of_a_session_of_ours_too(self, ann: UserRecord, bob: UserRecord, browser: ApiClient) -> None:
        bring("4711", ann)
        for user, legacy_id in ((ann, "4711"), (bob, None)):
            browser.sign_in(user.email)
            told = principal_of(both(browser, {})).legacy_claims()
            assert told == {"user_id": legacy_id, "email": user.email}


def counted(scheme: str, result: str) -> float:
    labels = {"scheme": scheme, "result": result}
    return REGISTRY.get_sample_value("better_auth_legacy_tokens_total", labels) or 0.0


@pytest.mark.usefixtures("beside")
def test_what_is_shown_is_counted(ann: UserRecord) -> None:
    bring("4711", ann)
    names = ("accepted", "legacy_token_expired", "legacy_user_not_migrated")
    before = {name: counted("legacy_jwt", name) for name in names}
    authenticate(Credentials(bearer=service_jwt("4711")))
    for token in (service_jwt("4711", exp=1), service_jwt("4712")):
        with pytest.raises(InvalidCredentials):
            authenticate(Credentials(bearer=token))
    assert {name: counted("legacy_jwt", name) - before[name] for name in names} == dict.fromkeys(names, 1.0)


class TestUsersOfThisProject:
    """``SOURCE`` is ``host``: the ids are primary keys, and nobody has migrated."""

    @pytest.fixture(autouse=True)
    def _host(self, beside: None, configure: Configure) -> None:
        host = {"SOURCE": "host"}
        sessions = {**host, "SECRET": None, "TABLE": "django_session", "USERS_TABLE": None}
        configure(DUAL_AUTH={"JWT": host, "SIMPLEJWT": host, "SESSIONS": sessions})

    def test_a_jwt(self, ann: UserRecord) -> None:
        principal = authenticate(Credentials(bearer=simple_jwt(str(ann.key))))
        assert principal is not None
        assert principal.user == ann
        assert principal.legacy_claims()["user_id"] == str(ann.key)
        for other in ("nobody", "0", "1e3", f"0{ann.key}", 10**40, ann.email):
            with pytest.raises(InvalidCredentials):
                authenticate(Credentials(bearer=simple_jwt(other)))
        assert MigrationRecord.objects.count() == 0

    def test_a_session(self, ann: UserRecord) -> None:
        row = users.row_of(ann)
        store = SessionStore()
        store["_auth_user_id"], store["_auth_user_hash"] = str(row.pk), row.get_session_auth_hash()
        store.create()
        cookies = {"sessionid": str(store.session_key)}
        principal = authenticate(Credentials(cookies=cookies))
        assert principal is not None
        assert (principal.user, principal.method) == (ann, "legacy_session")
        row.set_password("another one")
        row.save()
        with pytest.raises(InvalidCredentials) as refusal:
            authenticate(Credentials(cookies=cookies))
        assert refusal.value.code is not None
        assert refusal.value.code.name == "LEGACY_TOKEN_REVOKED"
        anonymous = SessionStore()
        anonymous.create()
        assert authenticate(Credentials(cookies={"sessionid": str(anonymous.session_key)})) is None
