"""Limits over two server processes: exact with Redis, kept by each process for itself without."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import pytest

from tests.processes.smtp import closed_port, silent_server
from tests.server import PASSWORD, Answer, Call, RunningServer, new_email

MANY = 200
OF_AN_ADDRESS, OF_AN_ACCOUNT = 3, 5
PAUSE_SECONDS = 5
# A minute instead of the protocol's ten seconds, so that a busy machine ends within the window that it began;
# the ten seconds are the suite's to prove (rate-limit/*).
WINDOW = 60
SETTINGS = {
    "BETTER_AUTH_RATE_LIMIT_ENABLED": "true",
    "BETTER_AUTH_RATE_LIMIT_RULES": f"/sign-in* {OF_AN_ADDRESS}/{WINDOW}",
    "BETTER_AUTH_TRUSTED_PROXIES": "127.0.0.1",
}
REFUSAL = {"message": "Too many requests. Please try again later."}
PAUSE_LINE = "Redis does not count"

with_redis = pytest.mark.skipif(not os.environ.get("REDIS_URL"), reason="REDIS_URL is not set")
# Nothing of it depends on the database, and one run of the two is without Redis.
without_redis = pytest.mark.skipif(bool(os.environ.get("REDIS_URL")), reason="told by the run without Redis")


@pytest.fixture(scope="module")
def limited() -> Iterator[RunningServer]:
    """Two processes behind one proxy, which is this machine."""
    with RunningServer(processes=2, **SETTINGS) as running:
        yield running


def sign_in(email: str, *, address: str, password: str = "wrong password", cookie: str = "") -> Call:
    body = {"email": email, "password": password}
    return Call("POST", "/sign-in/email", body, cookie, {"X-Forwarded-For": address})


def from_one_address(address: str) -> list[Call]:
    return [sign_in(new_email(), address=address) for _ in range(MANY)]


def to_one_account(email: str, network: str) -> list[Call]:
    return [sign_in(email, address=f"{network}.{number}") for number in range(MANY)]


def ask(server: RunningServer, call: Call) -> Answer:
    (answer,) = server.at_once([call])
    return answer


def statuses(answers: Sequence[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def refused(answers: Sequence[Answer], *, within: int) -> bool:
    """All that were turned away were told so in the protocol's words, and when to come back."""
    told = [answer for answer in answers if answer.status == 429]
    return all(one.json == REFUSAL and 1 <= int(one.headers["X-Retry-After"]) <= within for one in told)


@with_redis
def test_one_address_reaches_the_password_check_three_times(limited: RunningServer) -> None:
    answers = limited.at_once(from_one_address("198.51.100.7"))
    assert statuses(answers) == {401: OF_AN_ADDRESS, 429: MANY - OF_AN_ADDRESS}
    assert refused(answers, within=WINDOW)
    failed = "SELECT count(*) FROM auth_audit_log WHERE ip_address = '198.51.100.7'"
    assert limited.database.value(failed) == OF_AN_ADDRESS
    assert ask(limited, sign_in(new_email(), address="198.51.100.8")).status == 401


@with_redis
def test_one_account_is_tried_five_times_however_many_addresses_try(limited: RunningServer) -> None:
    email = new_email("tried")
    body = {"name": "Ann", "email": email, "password": PASSWORD}
    signed_up = ask(limited, Call("POST", "/sign-up/email", body, "", {"X-Forwarded-For": "203.0.113.1"}))
    own_device = "; ".join(f"{name}={value}" for name, value in signed_up.cookies.items())

    answers = limited.at_once(to_one_account(email, "198.18.0"))
    assert statuses(answers) == {401: OF_AN_ACCOUNT, 429: MANY - OF_AN_ACCOUNT}
    assert refused(answers, within=900)

    unknown = limited.at_once(to_one_account(new_email("nobody"), "198.18.1"))
    assert statuses(unknown) == statuses(answers)
    assert {one.content for one in unknown} == {one.content for one in answers}

    stranger = sign_in(email, address="198.18.2.1", password=PASSWORD)
    assert ask(limited, stranger).status == 429
    owner = sign_in(email, address="198.18.2.2", password=PASSWORD, cookie=own_device)
    assert ask(limited, owner).status == 200


@with_redis
def test_an_address_that_cannot_be_told_is_limited_too(limited: RunningServer) -> None:
    answers = limited.at_once(from_one_address("no address at all"))
    assert statuses(answers) == {401: OF_AN_ADDRESS, 429: MANY - OF_AN_ADDRESS}


@without_redis
def test_without_redis_each_process_limits_by_itself(limited: RunningServer) -> None:
    by_address = limited.at_once(from_one_address("198.51.100.7"))
    by_account = limited.at_once(to_one_account(new_email("tried"), "198.18.0"))
    for process in range(2):
        assert statuses(by_address[process::2])[401] == OF_AN_ADDRESS
        assert statuses(by_account[process::2])[401] == OF_AN_ACCOUNT
    assert set(statuses([*by_address, *by_account])) == {401, 429}
    assert refused(by_address, within=WINDOW)
    log = limited.site.log.read_text()
    assert log.count("limits are counted in this process alone") == 2


@without_redis
@pytest.mark.parametrize("failing", [closed_port, silent_server])
def test_with_redis_lost_each_process_limits_by_itself(
    failing: Callable[[], AbstractContextManager[int]],
) -> None:
    with (
        failing() as port,
        RunningServer(
            processes=2,
            ready="/health",
            REDIS_URL=f"redis://127.0.0.1:{port}/0",
            **SETTINGS,
        ) as server,
    ):
        begun = time.monotonic()
        for number in range(12):
            call = Call("GET", "/ok", headers={"X-Forwarded-For": f"203.0.113.{number}"})
            assert [one.status for one in server.at_once([call, call])] == [200, 200]
        pauses = 1 + int((time.monotonic() - begun) / PAUSE_SECONDS)
        assert 2 <= server.site.log.read_text().count(PAUSE_LINE) <= 2 * pauses  # one for each process

        by_address = server.at_once(from_one_address("198.51.100.7"))
        by_account = server.at_once(to_one_account(new_email("tried"), "198.18.0"))
        for process in range(2):
            assert statuses(by_address[process::2])[401] == OF_AN_ADDRESS
            assert statuses(by_account[process::2])[401] == OF_AN_ACCOUNT
        assert set(statuses([*by_address, *by_account])) == {401, 429}
        pauses = 1 + int((time.monotonic() - begun) / PAUSE_SECONDS)
        assert server.site.log.read_text().count(PAUSE_LINE) <= 2 * pauses
