"""Both systems are asked who calls, and what they differ in is counted; no answer is another for it."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import AsyncClient, Client, RequestFactory

from better_auth.dual_comparison import comparing, recording
from better_auth.dual_comparison.comparing import Finding
from better_auth.dual_comparison.recording import Counts
from better_auth.http.credentials import from_request
from better_auth.legacy_credentials import last_methods, signed
from better_auth.models import DualDifference, Session
from better_auth.models.dual_difference import AGREE
from better_auth.observability import metrics
from better_auth.one_by_one import OneByOne
from better_auth.storage.records import UserRecord
from tests.host import legacy_credentials as former
from tests.host.credentials import show as show_ours
from tests.host.legacy_credentials import SCHEMES, bring, service_jwt
from tests.host.legacy_credentials import show as show_theirs
from tests.server import wait_for

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.host.urls")]

CHECKOUT = Path(__file__).resolve().parents[3]
MIDDLEWARE = "better_auth.dual_comparison.middleware.DualComparisonMiddleware"
Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def _beside(request: pytest.FixtureRequest, configure: Configure, settings: Any) -> Iterator[None]:
    configure(DUAL_AUTH={**former.settings_of(), "COMPARE_ONE_IN": 1}, MIGRATION={"SOURCE": former.SOURCE})
    settings.MIDDLEWARE = [MIDDLEWARE, *settings.MIDDLEWARE]
    if not request.node.get_closest_marker("django_db").kwargs:  # else they would stay
        request.getfixturevalue("db")
        former.make_tables()
    yield
    signed.forget()
    last_methods.forget()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread would not see what a test has not committed."""
    monkeypatch.setattr(recording, "behind", recording.at_once)


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    found = make_user()
    bring("17", found)
    return found


@pytest.fixture
def bob(make_user: Callable[..., UserRecord]) -> UserRecord:
    found = make_user("bob@example.com")
    bring("18", found)
    return found


def counted() -> list[tuple[str, str, str, int]]:
    rows = DualDifference.objects.order_by("reason", "route")
    return list(rows.values_list("route", "reason", "detail", "count"))


def joined(ours: dict[str, str], theirs: dict[str, str]) -> dict[str, str]:
    """The headers of a request that carries both."""
    cookie = "; ".join(one["cookie"] for one in (ours, theirs) if "cookie" in one)
    return {**ours, **theirs, "cookie": cookie}


def both(user: UserRecord, ours: str, scheme: str, theirs: str, user_id: str) -> dict[str, str]:
    """Our cookie in one state, their credential in another."""
    return joined(show_ours(user, ours, "cookie").headers, show_theirs(scheme, theirs, user_id).headers)


@pytest.mark.usefixtures("at_once")
class TestWhatIsCompared:
    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_the_same_user_by_both(self, ann: UserRecord, scheme: str) -> None:
        headers = both(ann, "valid", scheme, "valid", "17")
        for _ in range(2):
            assert Client(headers=headers).get("/whoami").json()["principal"] == ann.email
        assert counted() == [("whoami", "agree", "", 2)]

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_another_user_by_each(self, ann: UserRecord, bob: UserRecord, scheme: str) -> None:
        headers = both(ann, "valid", scheme, "valid", "18")
        Client(headers=headers).get("/whoami")
        assert counted() == [("whoami", "user", scheme, 1)]
        row = DualDifference.objects.get()
        assert (row.our_user, row.former_user) == (ann.id, bob.id)
        assert (row.our_status, row.former_status) == (200, 200)

    def test_only_what_the_former_system_gave_out(self, ann: UserRecord) -> None:
        Client(headers=show_theirs("jwt", "valid", "17").headers).get("/whoami")
        assert counted() == [("whoami", "former_alone", "jwt", 1)]

    def test_a_session_of_ours_that_has_ended(self, ann: UserRecord) -> None:
        headers = both(ann, "revoked", "jwt", "valid", "17")
        Client(headers=headers).get("/whoami")
        assert counted() == [("whoami", "only_former_accepts", "jwt", 1)]

    @pytest.mark.parametrize("state", ["expired", "revoked", "unmigrated", "deleted"])
    def test_a_credential_of_theirs_that_is_no_good(
        self, ann: UserRecord, make_user: Callable[..., UserRecord], state: str
    ) -> None:
        bring("19", make_user("cas@example.com"), state)
        headers = both(ann, "valid", "jwt", state, "19")
        Client(headers=headers).get("/whoami")
        code = former.REFUSALS[state].lower()
        assert counted() == [("whoami", "only_ours_accepts", code, 1)]

    def test_what_neither_system_knows(self, ann: UserRecord) -> None:
        Client(headers=both(ann, "valid", "jwt", "malformed", "17")).get("/whoami")
        assert counted() == []

    def test_two_that_are_no_good(self, ann: UserRecord) -> None:
        headers = both(ann, "expired", "jwt", "expired", "17")
        Client(headers=headers).get("/whoami")
        assert counted() == [("whoami", "agree", "", 1)]

    def test_other_claims(self, ann: UserRecord, configure: Configure) -> None:
        configure(DUAL_AUTH={"CLAIMS": {"sub": "legacy_id", "mail": "email", "full_name": "name"}})
        token = service_jwt("17", mail="Ann@Example.com", full_name="Ann Other", plan="pro")
        headers = joined(show_ours(ann, "valid", "cookie").headers, {"authorization": f"Bearer {token}"})
        Client(headers=headers).get("/whoami")
        assert counted() == [("whoami", "claims", "full_name", 1)]

    def test_requests_of_ours_alone_and_of_nobody_are_none(self, ann: UserRecord) -> None:
        ours = [show_ours(ann, "valid", kind).headers for kind in ("cookie", "bare bearer")]
        for headers in ({}, *ours):
            Client(headers=headers).get("/whoami")
        assert counted() == []

    def test_routes_and_not_paths(self, ann: UserRecord) -> None:
        client = Client(headers=show_theirs("jwt", "valid", "17").headers)
        client.get("/nowhere/ann@example.com?token=1")
        assert counted() == [("(no route)", "former_alone", "jwt", 1)]

    def test_nothing_of_a_credential_or_a_person_is_kept(self, ann: UserRecord) -> None:
        shown = show_theirs("jwt", "valid", "17")
        Client(headers=shown.headers).get("/whoami")
        kept = str(list(DualDifference.objects.values()))
        assert not any(part in kept for part in (shown.token, shown.token[:12], ann.email, ann.name))

    def test_nothing_is_written_for_the_user(self, ann: UserRecord) -> None:
        """Neither is a session prolonged nor a last sign-in noted: of a request that asks nobody."""
        headers = both(ann, "valid", "jwt", "valid", "17")
        before = list(Session.objects.values())
        assert Client(headers=headers).get("/untouched").status_code == 200
        assert list(Session.objects.values()) == before
        assert counted() == [("untouched", "agree", "", 1)]

    @pytest.mark.parametrize(
        "off",
        [
            {"COMPARE_ONE_IN": 0},
            {"ENABLED": False},
            {"JWT": {"ENABLED": False}, "SIMPLEJWT": {"ENABLED": False}},
        ],
    )
    def test_switched_off_nobody_is_asked(
        self, ann: UserRecord, off: dict[str, Any], configure: Configure
    ) -> None:
        shown = show_theirs("jwt", "valid", "17")
        configure(DUAL_AUTH=off)
        Client(headers=shown.headers).get("/whoami")
        assert counted() == []

    def test_our_own_endpoints_are_left_out(self, ann: UserRecord) -> None:
        Client(headers=show_theirs("jwt", "valid", "17").headers).get("/api/auth/get-session")
        assert counted() == []

    def test_async_views_too(self, ann: UserRecord) -> None:
        headers = show_theirs("jwt", "valid", "17").headers
        assert async_to_sync(AsyncClient().get)("/untouched-async", headers=headers).status_code == 200
        assert counted() == [("untouched-async", "former_alone", "jwt", 1)]

    def test_a_share_of_them(self, ann: UserRecord, configure: Configure) -> None:
        shown = show_theirs("jwt", "valid", "17")
        configure(DUAL_AUTH={"COMPARE_ONE_IN": 3})
        for _ in range(90):
            Client(headers=shown.headers).get("/untouched")
        ((*_, number),) = counted()
        assert 5 < number < 60

    @pytest.mark.parametrize("fails", ["compare", "write"])
    def test_what_fails_is_no_affair_of_the_request(
        self, ann: UserRecord, fails: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*arguments: Any) -> Any:
            raise OperationalError("secret words of the database")

        monkeypatch.setattr(recording, "compare" if fails == "compare" else "_write", fail)
        answer = Client(headers=show_theirs("jwt", "valid", "17").headers).get("/whoami")
        assert (answer.status_code, answer.json()["principal"]) == (200, ann.email)
        assert counted() == []


@pytest.mark.django_db(transaction=True)
class TestBehind:
    def test_they_are_counted_beside_the_requests(self, ann: UserRecord) -> None:
        client = Client(headers=show_theirs("jwt", "valid", "17").headers)
        for _ in range(30):
            assert client.get("/untouched").status_code == 200
        wait_for(lambda: counted() == [("untouched", "former_alone", "jwt", 30)], "30 comparisons")

    def test_two_that_begin_a_row_at_once_both_count(self) -> None:
        barrier = threading.Barrier(4)

        def count(_: int) -> None:
            counts = Counts()
            for _ in range(5):
                counts.add("whoami", "GET", Finding("user", "jwt", 200, 200, "a", "b"))
            try:
                barrier.wait()
                counts.flush()
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(count, range(4)))
        assert counted() == [("whoami", "user", "jwt", 20)]


def test_nobody_waits_for_a_system_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is bounded: what comes while it is full is dropped, and counted."""
    gate, entered = threading.Event(), threading.Event()

    def hang(*arguments: Any) -> None:
        entered.set()
        gate.wait(60)

    monkeypatch.setattr(recording, "compare", hang)
    monkeypatch.setattr(recording, "_behind", OneByOne("test", recording._work, most=3))
    job = (from_request(RequestFactory().get("/")), "whoami", "GET")
    before = metrics.dual_comparisons.labels("dropped")._value.get()
    try:
        recording.behind(job)
        assert entered.wait(30)
        for _ in range(10):
            recording.behind(job)
        assert metrics.dual_comparisons.labels("dropped")._value.get() == before + 7
    finally:
        gate.set()


def test_so_many_kinds_at_most() -> None:
    counts = Counts()
    for number in range(recording.MOST_KEYS + 10):
        counts.add(f"route-{number}", "GET", Finding("agree"))
    assert len(counts.by_key) == recording.MOST_KEYS


class TestReport:
    def told(self, *arguments: str) -> str:
        out = io.StringIO()
        call_command("dual_report", *arguments, stdout=out)
        return out.getvalue()

    def test_it_groups_by_route_and_reason(self) -> None:
        counts = Counts()
        for route, finding, number in (
            ("orders/<int:pk>", Finding("user", "jwt", 200, 200, "u-1", "u-2"), 2),
            ("orders/<int:pk>", Finding("former_alone", "jwt", 401, 200, "", "u-3"), 5),
            ("about", Finding("only_ours_accepts", "legacy_token_expired", 200, 401, "u-4"), 1),
            ("about", Finding("agree"), 92),
        ):
            for _ in range(number):
                counts.add(route, "GET", finding)
        counts.flush()
        assert self.told().splitlines()[:9] == [
            "100 compared in 7 days: 92 agree, 8 do not",
            "",
            "GET about",
            "         1  only_ours_accepts (legacy_token_expired): ours 200, its 401; last: ours u-4",
            "",
            "GET orders/<int:pk>",
            "         5  former_alone (jwt): ours 401, its 200; last: its u-3",
            "         2  user (jwt): ours 200, its 200; last: ours u-1, its u-2",
            "",
        ]
        found = json.loads(self.told("--json"))
        assert found["agree"] == 92
        assert [(one["route"], one["reason"], one["number"]) for one in found["differences"]] == [
            ("orders/<int:pk>", "former_alone", 5),
            ("orders/<int:pk>", "user", 2),
            ("about", "only_ours_accepts", 1),
        ]

    def test_days_are_added_up_and_old_ones_left_out(self, frozen_time: Any) -> None:
        for _ in range(3):
            counts = Counts()
            counts.add("about", "GET", Finding("former_alone", "jwt", 401, 200, "", "u-3"))
            counts.flush()
            frozen_time.advance(days=1)
        assert json.loads(self.told("--json", "--days", "3"))["differences"][0]["number"] == 2

    def test_without_any_it_says_so(self) -> None:
        assert self.told() == "0 compared in 7 days: 0 agree, 0 do not\n"

    def test_every_reason_is_explained(self) -> None:
        page = (CHECKOUT / "docs/migration/dual-auth.md").read_text()
        section = page.split("## Comparing the two\n")[1].split("\n## ")[0]
        reasons = {
            AGREE,
            comparing.USER,
            comparing.CLAIMS,
            comparing.FORMER_ALONE,
            comparing.ONLY_FORMER,
            comparing.ONLY_OURS,
        }
        assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == reasons
        assert MIDDLEWARE in section
