"""The circuit breaker, by a clock of the test's own."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from better_auth.auth_server.breaker import LONGEST_PAUSE_SECONDS, CircuitBreaker, CircuitOpen, Pass


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(failures=3, seconds=2, probe_seconds=5, now=clock)


def is_let_in(breaker: CircuitBreaker) -> bool:
    try:
        breaker.enter()
    except CircuitOpen:
        return False
    return True


def open_it(breaker: CircuitBreaker) -> float:
    pauses = [breaker.failed(breaker.enter()) for _ in range(3)]
    assert pauses[:2] == [None, None]
    assert pauses[2] is not None
    return pauses[2]


def test_failures_in_a_row_open_it(breaker: CircuitBreaker) -> None:
    for _ in range(2):
        breaker.failed(breaker.enter())
    breaker.succeeded(breaker.enter())
    for _ in range(2):
        breaker.failed(breaker.enter())
    assert is_let_in(breaker)
    breaker.failed(breaker.enter())
    with pytest.raises(CircuitOpen) as refusal:
        breaker.enter()
    assert 0 < refusal.value.retry_after <= 2 * 1.2


def test_then_one_probes_and_closes_it(breaker: CircuitBreaker, clock: Clock) -> None:
    clock.now += open_it(breaker)
    probe = breaker.enter()
    assert not is_let_in(breaker)
    assert breaker.succeeded(probe)
    assert is_let_in(breaker)
    assert not breaker.is_open


def test_each_vain_probe_doubles_the_pause(breaker: CircuitBreaker, clock: Clock) -> None:
    pauses = [open_it(breaker)]
    for _ in range(2000):
        clock.now += pauses[-1]
        pause = breaker.failed(breaker.enter())
        assert pause is not None
        pauses.append(pause)
    bounds = [2, 4, 8, 16, *[LONGEST_PAUSE_SECONDS] * 1997]
    assert all(0.8 * bound <= pause <= 1.2 * bound for pause, bound in zip(pauses, bounds, strict=True))
    assert len(set(pauses)) > 1900  # no two processes probe in step


def test_what_began_before_it_opened_counts_no_more(breaker: CircuitBreaker, clock: Clock) -> None:
    early = [breaker.enter() for _ in range(10)]
    pause = open_it(breaker)
    assert [breaker.failed(one) for one in early[:9]] == [None] * 9
    assert not breaker.succeeded(early[9])
    assert not is_let_in(breaker)
    clock.now += pause
    assert is_let_in(breaker)


def test_a_probe_that_is_never_heard_of_is_followed_by_another(breaker: CircuitBreaker, clock: Clock) -> None:
    clock.now += open_it(breaker)
    breaker.enter()
    clock.now += 4.9
    assert not is_let_in(breaker)
    clock.now += 0.2
    assert is_let_in(breaker)


def test_of_many_threads_one_probes(breaker: CircuitBreaker, clock: Clock) -> None:
    clock.now += open_it(breaker)
    barrier, granted = threading.Barrier(32), list[Pass]()

    def enter() -> None:
        barrier.wait()
        with suppress(CircuitOpen):
            granted.append(breaker.enter())

    threads = [threading.Thread(target=enter) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 1


def test_it_tells_how_long_it_is_to_be_left_alone(breaker: CircuitBreaker, clock: Clock) -> None:
    assert breaker.seconds_left() == 0
    for _ in range(3):
        breaker.failed(breaker.enter())
    assert 1.6 <= breaker.seconds_left() <= 2.4
    clock.now += 3
    assert breaker.seconds_left() == 0
    breaker.enter()
    assert breaker.seconds_left() == 5  # whoever comes next waits for this probe
