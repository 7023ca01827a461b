"""Bounded hashing: so many at once, so many wait, and whoever comes then is told to come back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from better_auth.errors import ServiceUnavailable
from better_auth.hashing import Argon2id, HashingSlots, slots
from better_auth.storage.records import UserRecord
from tests.conftest import PASSWORD, ApiClient
from tests.protocol import answered, set_cookies

Configure = Callable[..., None]
BUSY = {"message": "The server is busy. Please try again in a moment.", "code": "SERVICE_UNAVAILABLE"}


class Gate:
    """Lets hashing begin, and end only when it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.inside = threading.Semaphore(0)
        self.lock = threading.Lock()
        self.now = self.most = 0

    def pass_through(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.inside.release()
        assert self.opened.wait(timeout=90)
        with self.lock:
            self.now -= 1


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Argon2 waits at the gate, in every thread but the test's own."""
    gate, original, own = Gate(), Argon2id.encode, threading.current_thread()

    def encode(self: Argon2id, password: str, salt: str) -> str:
        if threading.current_thread() is not own:
            gate.pass_through()
        return original(self, password, salt)

    monkeypatch.setattr(Argon2id, "encode", encode)
    yield gate
    gate.opened.set()


def start(work: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_for(condition: Callable[[], bool]) -> None:
    """Until another thread has got so far."""
    pause = threading.Event()
    for _ in range(2000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen")


@pytest.mark.django_db(transaction=True)
def test_past_the_bound_sign_in_is_told_to_come_back_and_session_checks_go_on(
    make_user: Callable[..., UserRecord], configure: Configure, gate: Gate
) -> None:
    configure(PASSWORD={"MAX_CONCURRENT_HASHES": 1, "MAX_WAITING_HASHES": 1})
    make_user()
    signed_in = ApiClient()
    signed_in.sign_in()
    answers: list[int] = []
    nobody = {"email": "nobody@example.com", "password": PASSWORD}

    def sign_in() -> None:
        answers.append(ApiClient().api("POST", "/sign-in/email", nobody).status_code)

    threads = [start(sign_in)]
    assert gate.inside.acquire(timeout=90)
    threads.append(start(sign_in))
    wait_for(lambda: slots._waiting == 1)
    for path, body in (
        ("/sign-in/email", nobody),
        ("/sign-up/email", {**nobody, "name": "B"}),
    ):
        response = ApiClient().api("POST", path, body)
        assert answered(response) == (503, BUSY)
        assert (response.headers["Retry-After"], set_cookies(response)) == ("1", {})
    change = {"currentPassword": PASSWORD, "newPassword": "another password"}
    assert answered(signed_in.api("POST", "/change-password", change)) == (503, BUSY)
    assert signed_in.session()["user"]["email"] == "ann@example.com"
    assert signed_in.api("GET", "/list-accounts").status_code == 200
    gate.opened.set()
    for thread in threads:
        thread.join(timeout=90)
    assert (answers, gate.most) == ([401, 401], 1)
    assert signed_in.sign_in().status_code == 200


def test_no_more_than_the_bound_hash_at_once(configure: Configure) -> None:
    configure(PASSWORD={"MAX_CONCURRENT_HASHES": 2, "MAX_WAITING_HASHES": 50})
    slots, gate = HashingSlots(), Gate()

    def work() -> None:
        with slots.slot():
            gate.pass_through()

    threads = [start(work) for _ in range(10)]
    for _ in range(2):
        assert gate.inside.acquire(timeout=90)
    wait_for(lambda: slots._waiting == 8)
    gate.opened.set()
    for thread in threads:
        thread.join(timeout=90)
    assert (gate.most, gate.now, slots._running, slots._waiting) == (2, 0, 0, 0)


def test_a_failure_gives_its_slot_back(configure: Configure) -> None:
    configure(PASSWORD={"MAX_CONCURRENT_HASHES": 1, "MAX_WAITING_HASHES": 0})
    slots = HashingSlots()
    for _ in range(3):
        with pytest.raises(RuntimeError, match="broken"), slots.slot():
            raise RuntimeError("broken")
    with slots.slot(), pytest.raises(ServiceUnavailable), slots.slot():
        pass
    with slots.slot():
        pass


def test_without_a_bound_there_are_as_many_as_processors(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(PASSWORD={"MAX_CONCURRENT_HASHES": None, "MAX_WAITING_HASHES": 0})
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    slots = HashingSlots()
    with slots.slot(), slots.slot(), pytest.raises(ServiceUnavailable), slots.slot():
        pass


def test_costs_are_settings(configure: Configure) -> None:
    configure(PASSWORD={"ARGON2_MEMORY_COST": 80, "ARGON2_TIME_COST": 3, "ARGON2_PARALLELISM": 2})
    assert Argon2id().encode("secret", "some salt").startswith("argon2$argon2id$v=19$m=80,t=3,p=2$")
