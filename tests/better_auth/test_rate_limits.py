"""Limits by route and address, and by account whatever the address."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from better_auth import rate_limits
from better_auth.storage import counters
from better_auth.storage.counters import Rule
from tests.conftest import PASSWORD, ApiClient

pytestmark = pytest.mark.django_db
REFUSAL = {"message": "Too many requests. Please try again later."}
NewBrowser = Callable[..., ApiClient]


@pytest.fixture
def limited(configure: Callable[..., None]) -> Callable[..., None]:
    """The limiter on, with fresh counters."""
    counters.reset()
    configure(RATE_LIMIT={"ENABLED": True})
    return configure


def from_address(address: str) -> ApiClient:
    return ApiClient(REMOTE_ADDR=address)


def fail(browser: ApiClient, email: str = "ann@example.com") -> Any:
    return browser.sign_in(email, "wrong password")


def test_the_fourth_sign_in_from_one_address_is_refused(limited: Any, make_user: Any) -> None:
    make_user()
    answers = [fail(from_address("203.0.113.7"), f"{n}@example.com") for n in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert answers[3].json() == REFUSAL
    assert 1 <= int(answers[3].headers["X-Retry-After"]) <= 10
    assert fail(from_address("203.0.113.8"), "9@example.com").status_code == 401


def test_an_ipv6_network_shares_one_budget(limited: Any) -> None:
    addresses = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:DB8:1:2:3::4", "2001:db8:1:2:ffff::"]
    answers = [fail(from_address(one), f"{n}@example.com") for n, one in enumerate(addresses)]
    assert answers[-1].status_code == 429
    assert fail(from_address("2001:db8:1:3::1"), "x@example.com").status_code == 401


def test_a_forwarded_address_is_not_believed(limited: Any) -> None:
    answers = [
        ApiClient(REMOTE_ADDR="203.0.113.7", headers={"x-forwarded-for": f"198.51.100.{n}"}).sign_in(
            f"{n}@example.com", "x"
        )
        for n in range(4)
    ]
    assert answers[-1].status_code == 429


def test_a_trusted_proxy_tells_clients_apart(limited: Any) -> None:
    limited(TRUSTED_PROXIES=["203.0.113.7"])
    for n in range(5):
        browser = ApiClient(REMOTE_ADDR="203.0.113.7", headers={"x-forwarded-for": f"198.51.100.{n}"})
        assert fail(browser, f"{n}@example.com").status_code == 401


def test_an_unknown_address_is_limited_too(limited: Any) -> None:
    answers = [fail(from_address(""), f"{n}@example.com") for n in range(4)]
    assert answers[-1].status_code == 429


def test_aliases_and_spellings_share_the_routes_budget(limited: Any) -> None:
    browser = from_address("203.0.113.7")
    paths = ["/sign-in/email", "/login", "/sign-in/email?x=1"]
    for path in paths:
        assert browser.api("POST", path, {"email": "a@example.com", "password": "x"}).status_code == 401
    assert fail(browser, "b@example.com").status_code == 429
    assert (
        browser.api("POST", "/sign-in//email", {"email": "a@example.com", "password": "x"}).status_code == 404
    )


def test_the_account_is_limited_whatever_the_address(limited: Any, make_user: Any) -> None:
    make_user()
    for n in range(5):
        assert fail(from_address(f"203.0.113.{n}")).status_code == 401
    refused = from_address("203.0.113.99").sign_in(password=PASSWORD)
    assert (refused.status_code, refused.json()) == (429, REFUSAL)
    assert 1 <= int(refused.headers["X-Retry-After"]) <= 900


def test_an_unknown_account_is_limited_alike(limited: Any) -> None:
    for n in range(5):
        assert fail(from_address(f"203.0.113.{n}"), "Nobody@Example.com").status_code == 401
    assert fail(from_address("203.0.113.9"), "nobody@example.com").status_code == 429


def test_a_success_forgets_this_accounts_failures_only(limited: Any, make_user: Any) -> None:
    make_user()
    make_user("bob@example.com")
    for n in range(4):
        fail(from_address(f"203.0.113.{n}"))
        fail(from_address(f"203.0.113.{n + 50}"), "bob@example.com")
    assert from_address("198.51.100.1").sign_in().status_code == 200
    assert fail(from_address("198.51.100.2")).status_code == 401
    assert fail(from_address("198.51.100.3"), "bob@example.com").status_code == 401
    assert fail(from_address("198.51.100.4"), "bob@example.com").status_code == 429


def test_strangers_cannot_lock_out_a_device_that_signed_in_before(limited: Any, make_user: Any) -> None:
    make_user()
    owner = from_address("198.51.100.1")
    assert owner.sign_in().status_code == 200
    assert "better-auth.known_device" in owner.cookies
    owner.api("POST", "/sign-out", {})
    for n in range(6):
        fail(from_address(f"203.0.113.{n}"))
    assert fail(from_address("203.0.113.50")).status_code == 429
    assert owner.sign_in().status_code == 200


def test_the_device_cookie_of_one_account_is_worth_nothing_for_another(limited: Any, make_user: Any) -> None:
    make_user()
    make_user("mallory@example.com")
    mallory = from_address("198.51.100.1")
    assert mallory.sign_in("mallory@example.com").status_code == 200
    mallory.api("POST", "/sign-out", {})
    for n in range(5):
        fail(from_address(f"203.0.113.{n}"))
    assert fail(mallory).status_code == 429


def test_a_known_device_has_a_budget_and_no_more(limited: Any, make_user: Any) -> None:
    limited(RATE_LIMIT={"RULES": ["/sign-in* off"]})
    make_user()
    owner = from_address("198.51.100.1")
    owner.sign_in()
    statuses = [fail(owner).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


def test_one_mailbox_gets_only_so_many_mails(limited: Any) -> None:
    body = {"email": "ann@example.com"}
    for n in range(10):
        answer = from_address(f"203.0.113.{n}").api("POST", "/request-password-reset", body)
        assert answer.status_code == 200
    assert from_address("203.0.113.99").api("POST", "/request-password-reset", body).status_code == 429


def test_the_default_limit_is_a_hundred_in_ten_seconds(limited: Any) -> None:
    browser = from_address("203.0.113.7")
    statuses = [browser.api("GET", "/ok").status_code for _ in range(101)]
    assert statuses == [200] * 100 + [429]


def test_rules_of_the_settings_come_first(limited: Any) -> None:
    limited(RATE_LIMIT={"RULES": ["/ok 2/10", "/get-session off"], "MAX": 5})
    browser = from_address("203.0.113.7")
    assert [browser.api("GET", "/ok").status_code for _ in range(3)] == [200, 200, 429]
    assert {browser.api("GET", "/get-session").status_code for _ in range(10)} == {200}


def test_nothing_is_counted_while_the_limiter_is_off(configure: Any) -> None:
    configure(RATE_LIMIT={"ENABLED": False})
    browser = from_address("203.0.113.7")
    assert {fail(browser).status_code for _ in range(8)} == {401}


def test_a_lost_redis_leaves_a_limit(limited: Any, caplog: pytest.LogCaptureFixture) -> None:
    limited(RATE_LIMIT={"REDIS_URL": "redis://127.0.0.1:1/0"})
    counters._pause._until = 0.0
    statuses = [fail(from_address("203.0.113.7"), f"{n}@example.com").status_code for n in range(4)]
    assert statuses[-1] == 429
    assert [record.message for record in caplog.records if "each process limits by itself" in record.message]


@pytest.mark.parametrize("text", ["3", "3/x", "0/10", "3/0", "/", "many"])
def test_a_limit_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"limit|invalid literal"):
        rate_limits.parse_rule(text)


def test_rules_match_by_path_or_its_beginning() -> None:
    assert rate_limits.rule_for("/sign-in/social") == Rule(3, 10)
    assert rate_limits.rule_for("/change-password") == Rule(3, 10)
    assert rate_limits.rule_for("/send-verification-email") == Rule(3, 60)
    assert rate_limits.rule_for("/get-session") == Rule(100, 10)


def test_a_window_that_begins_under_a_burst_lets_no_more_through(
    limited: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the process, where the library's own locks have gaps."""
    monkeypatch.setattr(counters, "_redis_url", lambda: None)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(16) as pool:
            for rule in (Rule(3, 60), Rule(3, 60, sliding=True)):
                for burst in range(100):
                    subject = ("burst", f"{burst} {rule.sliding}")
                    answers = list(pool.map(lambda _: counters.hit(rule, *subject), range(48)))  # noqa: B023
                    assert answers.count(0) == 3
    finally:
        sys.setswitchinterval(interval)
