"""A legacy system that hangs, lies, leads elsewhere or is away: nobody gets in by it, nobody else notices."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from better_auth import users
from better_auth.storage import counters
from migration_tools.lazy import calls
from migration_tools.models import MigrationRecord
from tests.conftest import PASSWORD, ApiClient
from tests.migration_tools import legacy_callables
from tests.migration_tools.legacy_system import LegacySystem
from tests.protocol import answered, refusal

pytestmark = pytest.mark.usefixtures("commits")

OLD = "what they always typed"
IDA = "ida@example.org"
WRONG = (401, refusal("INVALID_EMAIL_OR_PASSWORD"))
BUSY = {"code": "SERVICE_UNAVAILABLE", "message": "The server is busy. Please try again in a moment."}
Configure = Callable[..., None]


@pytest.fixture
def ida(legacy: LegacySystem, configure: Configure) -> LegacySystem:
    configure(MIGRATION={"TIMEOUT_MS": 1000, "BREAKER_FAILURES": 100})
    legacy.add("u-17", IDA, OLD)
    return legacy


def is_busy(response: Any) -> bool:
    return answered(response) == (503, BUSY) and int(response.headers["Retry-After"]) >= 1


def nobody_came() -> bool:
    return not get_user_model()._default_manager.exists() and not MigrationRecord.objects.exists()


# What is no answer: the password may be right, so nobody is told that it is wrong.
NO_ANSWER = {
    "hang": "timeout",
    "drip": "timeout",
    "html": "no JSON",
    "error": "status 500",
    "forbidden": "status 403",
    "silence": "unreachable (RemoteProtocolError)",
    "word": "no verdict",
    "truthy": "no verdict",
    "no_record": "no record",
    "deep": "no JSON",
    "huge": "huge answer",
    "bomb": "encoded answer",
    "unsigned": "wrong signature",
    "replayed": "wrong signature",
    "redirect": "status 307",
}


@pytest.mark.parametrize("behaviour", NO_ANSWER)
def test_what_is_no_answer_is_told_as_such(
    ida: LegacySystem, browser: ApiClient, behaviour: str, caplog: pytest.LogCaptureFixture
) -> None:
    ida.behave(behaviour)
    assert is_busy(browser.sign_in(IDA, OLD))
    assert nobody_came()
    assert f"no answer from the legacy system: {NO_ANSWER[behaviour]}" in caplog.text
    ida.behave("answer")
    assert browser.sign_in(IDA, OLD).status_code == 200


def test_a_redirect_is_not_followed(ida: LegacySystem, browser: ApiClient) -> None:
    ida.behave("redirect")
    browser.sign_in(IDA, OLD)
    browser.api("POST", "/request-password-reset", {"email": IDA})
    browser.sign_up(IDA)
    assert (len(ida.calls), ida.visits) == (3, 0)


def test_a_proxy_of_the_environment_sees_no_password(
    ida: LegacySystem, browser: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"{ida.base}/elsewhere")
    assert browser.sign_in(IDA, OLD).status_code == 200
    assert ida.visits == 0


# What is an answer, and not one that lets anybody in.
REFUSING = {
    "no_with_record": "",
    "another_address": "another-address",
    "nonsense_record": "invalid-value",
}


@pytest.mark.parametrize("behaviour", REFUSING)
def test_an_answer_that_lets_nobody_in(
    ida: LegacySystem, browser: ApiClient, behaviour: str, caplog: pytest.LogCaptureFixture
) -> None:
    ida.behave(behaviour)
    assert answered(browser.sign_in(IDA, OLD)) == WRONG
    assert nobody_came()
    assert REFUSING[behaviour] in caplog.text


def test_an_address_that_belongs_to_somebody_here_is_not_taken_over(
    ida: LegacySystem, browser: ApiClient, make_user: Callable[..., Any]
) -> None:
    """The attacker's account there claims the address of somebody here."""
    owner = make_user("owner@example.org")
    ida.behave("another_address")
    assert answered(browser.sign_in(IDA, OLD)) == WRONG
    assert answered(browser.sign_in("owner@example.org", OLD)) == WRONG
    assert users.get(owner) == owner
    assert browser.sign_in("owner@example.org", PASSWORD).status_code == 200
    assert get_user_model()._default_manager.count() == 1


def test_an_id_that_belongs_to_somebody_here_is_not_taken_over(
    ida: LegacySystem, browser: ApiClient, make_user: Callable[..., Any]
) -> None:
    """Another person's id comes with an address that nobody here has."""
    ida.add("another-person", "owner@example.org", "the owner's own")
    owner = browser.sign_in("owner@example.org", "the owner's own").json()["user"]
    ida.behave("another_id")
    assert answered(ApiClient().sign_in(IDA, OLD)) == WRONG
    assert get_user_model()._default_manager.count() == 1
    found = users.find_by_id(owner["id"])
    assert found is not None
    assert found.email == "owner@example.org"


def test_an_id_that_is_a_native_users_makes_another_one(
    ida: LegacySystem, browser: ApiClient, make_user: Callable[..., Any]
) -> None:
    native = make_user("native@example.org")
    ida.add(native.id, "bo@example.org", OLD)
    came = browser.sign_in("bo@example.org", OLD).json()["user"]
    assert came["id"] != native.id
    assert came["email"] == "bo@example.org"


class TestCircuit:
    @pytest.fixture
    def clock(self, down: LegacySystem) -> Callable[[float], None]:
        """Moves the breaker's clock on."""
        moved = 0.0

        def move(seconds: float) -> None:
            nonlocal moved
            moved += seconds

        calls.current()._breaker._now = lambda: time.monotonic() + moved
        return move

    @pytest.fixture
    def down(self, ida: LegacySystem, browser: ApiClient, configure: Configure) -> LegacySystem:
        configure(MIGRATION={"BREAKER_FAILURES": 3, "BREAKER_SECONDS": 5})
        calls.forget()
        ida.behave("error")
        for _ in range(3):
            assert is_busy(browser.sign_in(IDA, OLD))
        return ida

    def test_a_system_that_is_down_is_left_alone(self, down: LegacySystem, browser: ApiClient) -> None:
        before = len(down.calls)
        response = browser.sign_in(IDA, OLD)
        assert is_busy(response)
        assert 1 <= int(response.headers["Retry-After"]) <= 6
        assert is_busy(browser.sign_in("nobody@example.org", OLD))
        assert len(down.calls) == before

    def test_whoever_is_here_does_not_notice(
        self, down: LegacySystem, browser: ApiClient, make_user: Callable[..., Any]
    ) -> None:
        make_user("native@example.org")
        before = len(down.calls)
        assert browser.sign_in("native@example.org", PASSWORD).status_code == 200
        assert answered(ApiClient().sign_in("native@example.org", "wrong")) == WRONG
        reset = browser.api("POST", "/request-password-reset", {"email": "native@example.org"})
        assert reset.status_code == 200
        assert len(down.calls) == before

    def test_whoever_came_before_does_not_notice(
        self, ida: LegacySystem, browser: ApiClient, configure: Configure
    ) -> None:
        assert browser.sign_in(IDA, OLD).status_code == 200
        configure(MIGRATION={"BREAKER_FAILURES": 1})
        ida.behave("hang")
        assert is_busy(browser.sign_in("nobody@example.org", OLD))
        assert ApiClient().sign_in(IDA, OLD).status_code == 200
        assert answered(ApiClient().sign_in(IDA, "wrong")) == WRONG

    def test_attempts_meanwhile_are_not_held_against_them(
        self, down: LegacySystem, browser: ApiClient, configure: Configure, clock: Callable[[float], None]
    ) -> None:
        counters.reset()
        configure(RATE_LIMIT={"ENABLED": True, "RULES": ["/sign-in* off"], "FAILED_SIGN_INS": 2})
        assert all(is_busy(browser.sign_in(IDA, OLD)) for _ in range(5))
        down.behave("answer")
        clock(31)
        assert browser.sign_in(IDA, OLD).status_code == 200

    def test_one_call_tries_whether_it_is_back(
        self, down: LegacySystem, browser: ApiClient, clock: Callable[[float], None]
    ) -> None:
        before = len(down.calls)
        clock(31)
        assert is_busy(browser.sign_in(IDA, OLD))
        assert is_busy(browser.sign_in(IDA, OLD))
        assert len(down.calls) == before + 1
        down.behave("answer")
        clock(31)
        assert browser.sign_in(IDA, OLD).status_code == 200
        assert answered(browser.sign_in("nobody@example.org", OLD)) == WRONG

    def test_one_persons_odd_record_does_not_shut_out_the_others(
        self, ida: LegacySystem, browser: ApiClient, configure: Configure
    ) -> None:
        configure(MIGRATION={"BREAKER_FAILURES": 2})
        ida.add("u-1", "odd@example.org", OLD, created_at="yesterday")
        for _ in range(5):
            assert answered(browser.sign_in("odd@example.org", OLD)) == WRONG
        assert browser.sign_in(IDA, OLD).status_code == 200

    def test_a_sign_up_waits_until_it_can_be_asked(
        self, down: LegacySystem, browser: ApiClient, clock: Callable[[float], None]
    ) -> None:
        """Or a stranger would get an address that waits there."""
        assert is_busy(browser.sign_up("new@example.org"))
        down.behave("answer")
        clock(31)
        assert browser.sign_up("new@example.org").status_code == 200

    def test_a_reset_is_answered_as_ever(self, down: LegacySystem, browser: ApiClient) -> None:
        known = browser.api("POST", "/request-password-reset", {"email": IDA})
        assert known.status_code == 200


class TestCallables:
    @pytest.fixture(autouse=True)
    def _lazy(self, configure: Configure) -> Any:
        calls.forget()
        path = "tests.migration_tools.legacy_callables"
        told = {"MODE": "lazy", "VERIFIER": f"{path}.verify", "FINDER": f"{path}.find"}
        configure(MIGRATION=told)
        yield
        calls.forget()

    def test_a_host_asks_by_its_own_means(self, browser: ApiClient) -> None:
        assert answered(browser.sign_in(IDA, "wrong")) == WRONG
        assert browser.sign_in(IDA, OLD).json()["user"]["id"] == "u-17"

    @pytest.mark.parametrize(
        ("name", "status"), [("say_yes", 503), ("say_no", 401), ("fail", 503), ("missing", 503)]
    )
    def test_what_is_no_record_is_no_yes(
        self,
        browser: ApiClient,
        configure: Configure,
        name: str,
        status: int,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        configure(MIGRATION={"VERIFIER": f"{legacy_callables.__name__}.{name}"})
        assert browser.sign_in(IDA, OLD).status_code == status
        assert nobody_came()
        assert OLD not in caplog.text


def test_no_more_calls_at_once_than_the_settings_allow(
    ida: LegacySystem, browser: ApiClient, configure: Configure
) -> None:
    """A call that nobody waits for any more holds its place until it has really ended."""
    configure(MIGRATION={"MAX_CALLS": 1})
    ida.behave("drip")
    first = browser.sign_in(IDA, OLD)
    assert is_busy(first)
    ida.behave("answer")
    statuses = set()
    for _ in range(200):
        statuses.add(browser.sign_in(IDA, OLD).status_code)
        if 200 in statuses:
            break
        time.sleep(0.05)
    assert statuses <= {200, 503}
    assert 200 in statuses
