"""What is still seen of the former system: counted behind the requests, and reported."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from better_auth import clock
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.pipeline import authenticate
from better_auth.events import Client
from better_auth.legacy_credentials import usage
from better_auth.models import LegacyUse
from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient
from tests.host.legacy_credentials import auth_token, bring, service_jwt, simple_jwt

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("beside")]
APP = "ShopApp/4.2 (Android 15)"


@pytest.fixture(autouse=True)
def _here(ann: UserRecord) -> None:
    bring("4711", ann)


def come(token: str, agent: str = APP) -> None:
    with suppress(InvalidCredentials):
        authenticate(Credentials(bearer=token, client=Client(user_agent=agent)))


def rows() -> list[tuple[Any, ...]]:
    usage.flush()
    found = LegacyUse.objects.order_by("scheme", "client")
    return list(found.values_list("scheme", "client", "accepted", "refused", "exchanged"))


def report(*arguments: str) -> str:
    out = StringIO()
    call_command("legacy_report", *arguments, stdout=out)
    return out.getvalue()


def test_by_scheme_and_client() -> None:
    for _ in range(3):
        come(service_jwt("4711"))
    come(service_jwt("4711"), "Mozilla/5.0 (X11)")
    come(service_jwt("4712"))
    come(simple_jwt("4711", client_id="till-7"))
    come(auth_token("4711"), "")
    come("a.b.c")
    assert rows() == [
        ("authtoken", "unknown", 1, 0, 0),
        ("jwt", "Mozilla", 1, 0, 0),
        ("jwt", "ShopApp", 3, 2, 0),
        ("simplejwt", "till-7", 1, 0, 0),
    ]


def test_counts_add_up_over_flushes_and_processes() -> None:
    come(service_jwt("4711"))
    rows()
    come(service_jwt("4711"))
    assert rows() == [("jwt", "ShopApp", 2, 0, 0)]


def test_an_exchange_is_counted(browser: ApiClient) -> None:
    headers = {"user-agent": APP}
    token = simple_jwt("4711", kind="refresh")
    for _ in range(2):
        browser.api("POST", "/legacy/exchange", {"token": token}, headers=headers)
    assert rows() == [("simplejwt", "ShopApp", 0, 1, 1)]


def test_no_request_waits_for_it() -> None:
    with CaptureQueriesContext(connection) as queries:
        for _ in range(5):
            come(service_jwt("4711"))
    written = [one["sql"] for one in queries if one["sql"].startswith(("INSERT", "UPDATE"))]
    assert written == []


def test_each_day_is_its_own(frozen_time: Any) -> None:
    come(service_jwt("4711"))
    frozen_time.advance(days=1)
    come(service_jwt("4711"))
    rows()
    days = list(LegacyUse.objects.order_by("day").values_list("day", flat=True))
    assert days[1] - days[0] == timedelta(days=1)


def test_names_that_somebody_makes_up_do_not_fill_the_table() -> None:
    for number in range(usage.MOST_CLIENTS + 50):
        come("a.b.c", f"bot{number}")
    found = rows()
    assert len(found) == usage.MOST_CLIENTS + 1
    assert [one for one in found if one[1] == "others"] == [("jwt", "others", 0, 50, 0)]


@pytest.mark.parametrize("name", ["x" * 65, "a\nb", "", 7, None, ["x"], "<script>"])
def test_names_that_are_none(name: Any) -> None:
    come(service_jwt("4711", client_id=name))
    assert rows() == [("jwt", "ShopApp", 1, 0, 0)]


class TestReport:
    def add(self, days_ago: int, client: str = "ShopApp", **counts: int) -> None:
        day = clock.now().date() - timedelta(days=days_ago)
        LegacyUse.objects.create(day=day, scheme="jwt", client=client, **counts)

    def test_nothing_came(self) -> None:
        assert "No credential of the former system came in the last 30 days." in report()

    def test_the_newest_day_first(self) -> None:
        self.add(3, accepted=5)
        self.add(0, accepted=1234, exchanged=2)
        self.add(0, "Mozilla", refused=1)
        self.add(40, accepted=9)
        today, before = str(clock.now().date()), str(clock.now().date() - timedelta(days=3))
        lines = report().splitlines()
        assert [line.split() for line in lines[:4]] == [
            ["day", "scheme", "client", "accepted", "refused", "exchanged"],
            [today, "jwt", "ShopApp", "1,234", "0", "2"],
            [today, "jwt", "Mozilla", "0", "1", "0"],
            [before, "jwt", "ShopApp", "5", "0", "0"],
        ]
        assert lines[-1] == "The cutover is at 2999-01-01T00:00:00+00:00."
        assert len(report("--days", "41").splitlines()) == len(lines) + 1

    def test_for_machines(self) -> None:
        self.add(0, accepted=1)
        told = json.loads(report("--json"))
        assert told["uses"] == [
            {
                "day": str(clock.now().date()),
                "scheme": "jwt",
                "client": "ShopApp",
                "accepted": 1,
                "refused": 0,
                "exchanged": 0,
            }
        ]

    @pytest.mark.parametrize("days", ["0", "-1", "x", "99999"])
    def test_days_that_are_none(self, days: str) -> None:
        with pytest.raises(CommandError):
            report("--days", days)
