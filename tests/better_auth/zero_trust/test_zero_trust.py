"""``ZeroTrustMiddleware``: closed by default, open where that was said, and silent about its reasons."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import AsyncClient, Client

from better_auth import clock
from better_auth.authentication.principal import Principal
from better_auth.events import AuthMethod
from better_auth.models import AuditEntry
from better_auth.observability import metrics
from better_auth.storage.records import UserRecord
from better_auth.zero_trust import gate
from better_auth.zero_trust.policies import Decision, Policy, Strength
from better_auth.zero_trust.verdicts import RequestFacts, strength_of, verify_trust
from tests.host.credentials import TABLE, show
from tests.host.trust import MIDDLEWARE

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.host.trust_urls")]

Configure = Callable[..., None]
UNKNOWN = {"message": "Unauthorized", "code": "UNAUTHORIZED"}


@pytest.fixture(autouse=True)
def _trust_nobody(settings: Any) -> None:
    settings.MIDDLEWARE = MIDDLEWARE
    gate.forget()


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


def get(path: str, headers: dict[str, str] | None = None) -> Any:
    return Client(headers=headers).get(path)


def get_asynchronously(path: str, headers: dict[str, str] | None = None) -> Any:
    client = AsyncClient()
    client.cookies.load((headers or {}).get("cookie", ""))
    others = {name: value for name, value in (headers or {}).items() if name != "cookie"}
    return async_to_sync(client.get)(path, headers=others)


DOORS = pytest.mark.parametrize("door", [get, get_asynchronously], ids=["sync", "async"])


@DOORS
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/open", 200),
        ("/open-async", 200),
        ("/closed", 401),
        ("/closed-async", 401),
        ("/page", 401),
        ("/open-page", 200),
        ("/open-in-urls", 200),
        ("/inherited", 401),
        ("/open-by-method", 200),
        ("/api", 401),
        ("/open-api", 200),
        ("/things", 200),
        ("/things/secret", 401),
        ("/nowhere", 401),
        ("/health", 200),
        ("/api/auth/ok", 200),
        ("/api/auth/get-session", 200),
        ("/api/authority", 401),
    ],
)
def test_what_is_open_was_declared_so(door: Any, path: str, status: int) -> None:
    response = door(path)
    assert response.status_code == status
    if status == 401:
        assert response.json() == UNKNOWN
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'
        assert response.headers["Cache-Control"] == "no-store"


def test_an_action_that_is_open_opens_no_other() -> None:
    assert Client().post("/things").status_code == 401


@DOORS
@pytest.mark.parametrize(("state", "kind"), TABLE)
def test_the_credential_table(ann: UserRecord, door: Any, state: str, kind: str) -> None:
    assert door("/closed", show(ann, state, kind).headers).status_code == (200 if state == "valid" else 401)


@DOORS
def test_who_calls_is_found_out_once(ann: UserRecord, door: Any, django_assert_num_queries: Any) -> None:
    headers = show(ann, "valid", "cookie").headers
    with django_assert_num_queries(1):
        assert door("/closed", headers).status_code == 200
    with django_assert_num_queries(0):
        assert door("/open", headers).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/billing//x",
        "/billing/../open",
        "/open/../closed",
        "/billing/./x",
        "/billing/\\x",
        "/billing/%2e%2e/x",
    ],
)
def test_what_may_be_read_in_two_ways_is_not_public(path: str, configure: Configure) -> None:
    configure(ZERO_TRUST={"PUBLIC": ["/billing/**", "/open/**"]})
    assert get("/billing/x").status_code == 200
    assert get(path).status_code == 401


@pytest.mark.parametrize("base", ["", "/"])
def test_a_base_path_of_nothing_opens_nothing(base: str, configure: Configure) -> None:
    configure(BASE_PATH=base)
    assert [get(path).status_code for path in ("/closed", "/billing/x", "/health")] == [401, 401, 200]


def test_a_policy_outdoes_what_views_say(configure: Configure) -> None:
    configure(ZERO_TRUST={"POLICIES": [{"paths": ["/open", "/health"], "policy": {}}]})
    assert [get(path).status_code for path in ("/open", "/health", "/health/ready")][:2] == [401, 401]


def test_a_method_that_nobody_has_heard_of_is_not_let_by(ann: UserRecord, configure: Configure) -> None:
    configure(ZERO_TRUST={"POLICIES": [{"paths": ["/billing"], "policy": {"credentials": ["bearer"]}}]})
    headers = show(ann, "valid", "cookie").headers
    for method in ("GET", "HEAD", "PROPFIND", "get"):
        assert Client(headers=headers).generic(method, "/billing").status_code == 403


def test_the_first_that_fits_is_taken(ann: UserRecord, configure: Configure) -> None:
    never = {"credentials": ["bearer"]}
    configure(
        ZERO_TRUST={
            "POLICIES": [
                {"paths": ["/billing/open"], "policy": "public"},
                {"paths": ["/billing/*"], "methods": ["GET"], "policy": {}},
                {"paths": ["/billing/**"], "policy": never},
            ],
            "DEFAULT": never,
        }
    )
    client = Client(headers=show(ann, "valid", "cookie").headers)
    assert get("/billing/open").status_code == 200
    assert [client.get(path).status_code for path in ("/billing/x", "/billing/x/y", "/elsewhere")] == [
        200,
        403,
        403,
    ]
    assert client.head("/billing/x").status_code == 200
    assert client.post("/billing/x").status_code == 403


def test_a_refusal_says_no_more_than_its_code_and_the_log_says_why(
    ann: UserRecord, configure: Configure
) -> None:
    configure(ZERO_TRUST={"POLICIES": [{"paths": ["/page"], "policy": {"network": "deny"}}]})
    shown = show(ann, "valid", "cookie")
    for _ in range(3):
        response = get("/page", shown.headers)
        assert (response.status_code, response.json()) == (
            403,
            {"message": "Access denied", "code": "ACCESS_DENIED"},
        )
    entry = AuditEntry.objects.get(event_type="trust_refused")
    assert (entry.subject_id, entry.session_id, entry.success) == (ann.id, shown.issued.session.id, False)
    told = {"decision": "deny", "reason": "network", "route": "page", "request": "GET", "enforced": True}
    assert entry.details == told
    assert shown.issued.token not in str(vars(entry))


def test_strangers_fill_no_table(caplog: pytest.LogCaptureFixture) -> None:
    before = metrics.trust_verdicts.labels("deny", "nobody")._value.get()
    with caplog.at_level(logging.INFO, logger="better_auth"):
        for number in range(5):
            assert get(f"/nowhere/{number}").status_code == 401
    assert not AuditEntry.objects.exists()
    assert metrics.trust_verdicts.labels("deny", "nobody")._value.get() == before + 5


def test_it_can_be_tried_out(ann: UserRecord, configure: Configure) -> None:
    rules = [{"paths": ["/page"], "policy": {"max_age": 60, "device": "deny"}}]
    configure(ZERO_TRUST={"MODE": "report", "POLICIES": rules})
    assert get("/closed").status_code == 200
    assert get("/page", show(ann, "valid", "cookie").headers).status_code == 200
    entry = AuditEntry.objects.get(event_type="trust_refused")
    assert (entry.details["reason"], entry.details["enforced"]) == ("device", False)


def test_where_another_middleware_changes_the_way_it_is_judged_again(settings: Any) -> None:
    settings.MIDDLEWARE = [*MIDDLEWARE, "tests.better_auth.zero_trust.test_zero_trust.Detour"]
    assert get("/open").status_code == 401


class Detour:
    """Below ours: another set of URLs, in which the same path leads to a closed view."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        request.urlconf = "tests.better_auth.zero_trust.test_zero_trust"
        found: HttpResponse = self.get_response(request)
        return found


def closed_elsewhere(request: Any) -> HttpResponse:
    return HttpResponse("closed")


def _urls() -> list[Any]:
    from django.urls import path

    return [path("open", closed_elsewhere)]


urlpatterns = _urls()


class TestTheRuleByItself:
    def test_nobody_is_trusted_with_anything(self) -> None:
        verdict = verify_trust(None, RequestFacts(clock.now()), Policy())
        assert (verdict.decision, verdict.reason) == (Decision.DENY, "nobody")

    @pytest.mark.parametrize(
        ("then", "now", "is_same"),
        [
            ("2001:db8:1:1::", "2001:0db8:0001:2::", True),
            ("2001:db8:1::", "2001:db8:2::", False),
            ("192.0.2.1", "2001:db8::", False),
            ("192.0.2.1", "192.0.2.255", True),
            ("192.0.2.1", "192.0.3.1", False),
            ("", "192.0.2.1", False),
            ("192.0.2.1", "", False),
            ("", "", False),
        ],
    )
    def test_a_network_is_a_prefix(self, ann: UserRecord, then: str, now: str, is_same: bool) -> None:
        principal = _principal(ann, ip_address=then)
        facts = RequestFacts(clock.now(), ip_address=now)
        decision = verify_trust(principal, facts, Policy(network=Decision.DENY)).decision
        assert (decision is Decision.ALLOW) == is_same

    def test_without_a_session_nothing_is_known(self, ann: UserRecord) -> None:
        principal = Principal(ann, None, AuthMethod.JWT)
        facts = RequestFacts(clock.now(), "192.0.2.1", "", knows_device=True)
        for policy in (
            Policy(max_age=10_000),
            Policy(network=Decision.STEP_UP),
            Policy(user_agent=Decision.STEP_UP),
            Policy(strength=Strength.PASSWORD),
        ):
            assert verify_trust(principal, facts, policy).decision is Decision.STEP_UP
        assert verify_trust(principal, facts, Policy(device=Decision.DENY)).decision is Decision.ALLOW

    @pytest.mark.parametrize(
        ("method", "factors", "strength"),
        [
            ("password", (), Strength.PASSWORD),
            ("email_link", (), Strength.NONE),
            ("password", ("second_factor",), Strength.SECOND_FACTOR),
            ("email_link", ("passkey",), Strength.PASSKEY),
            ("passkey", (), Strength.PASSKEY),
            ("security_key", (), Strength.PASSWORD),
            ("password", ("unheard of",), Strength.PASSWORD),
        ],
    )
    def test_the_strongest_proof_counts(
        self, ann: UserRecord, method: str, factors: tuple[str, ...], strength: Strength
    ) -> None:
        principal = _principal(ann, auth_method=method)
        assert strength_of(Principal(ann, principal.session, AuthMethod.SESSION, factors=factors)) is strength


def _principal(user: UserRecord, **columns: Any) -> Principal:
    from dataclasses import replace

    session = show(user, "valid", "cookie").issued.session
    return Principal(user, replace(session, **columns), AuthMethod.SESSION)
