"""Sessions in memory: bounded, forgotten for good, and whole however many threads use them."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from better_auth import clock
from better_auth.storage import local_sessions
from better_auth.storage.local_sessions import Found, LocalSessions
from better_auth.storage.records import SessionRecord, UserRecord


def found(token_hash: str, user_key: Any = "ann") -> Found:
    now = clock.now()
    session = SessionRecord(
        id=f"id of {token_hash}",
        token_hash=token_hash,
        user_key=user_key,
        user_id=str(user_key),
        created_at=now,
        updated_at=now,
        expires_at=now,
        last_seen_at=None,
        ip_address="",
        user_agent="",
        auth_method="",
        second_factor="",
        impersonated_by=None,
        active_organization_id=None,
        active_team_id=None,
        additional_fields={},
    )
    user = UserRecord(
        key=user_key,
        id=str(user_key),
        name="",
        email="",
        email_verified=False,
        image=None,
        created_at=now,
        updated_at=now,
        username=None,
        display_username=None,
        phone_number=None,
        phone_number_verified=None,
        anonymous=False,
        role=None,
        banned=False,
        ban_reason=None,
        ban_expires=None,
        two_factor_enabled=False,
        additional_fields={},
        is_active=True,
        deleted_at=None,
    )
    return session, user


class Clock:
    """``time.monotonic()``, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(local_sessions, "time", SimpleNamespace(monotonic=moved))
    return moved


@pytest.fixture
def memory() -> LocalSessions:
    return LocalSessions()


def put(memory: LocalSessions, token_hash: str, user_key: Any = "ann") -> None:
    memory.put(found(token_hash, user_key), turn=memory.turn(), as_of=local_sessions.time.monotonic())


def assert_whole(memory: LocalSessions) -> None:
    """Both indexes tell the same, and nothing is left of what is gone."""
    by_user: dict[str, set[str]] = {}
    for token_hash, entry in memory._entries.items():
        assert entry.session.token_hash == token_hash
        by_user.setdefault(str(entry.session.user_key), set()).add(token_hash)
    assert memory._of_user == by_user
    assert len(memory._forgotten) <= local_sessions.REMEMBERED


# --- bounds ---


def test_it_keeps_so_many_and_drops_the_oldest(memory: LocalSessions, configure: Callable[..., None]) -> None:
    configure(SESSION={"CACHE": {"ENTRIES": 3}})
    for number in range(5):
        put(memory, f"t{number}", user_key=number)
    assert [number for number in range(5) if memory.get(f"t{number}")] == [2, 3, 4]
    put(memory, "t2", user_key=2)  # as good as new
    put(memory, "t5", user_key=5)
    assert [number for number in range(6) if memory.get(f"t{number}")] == [2, 4, 5]
    assert_whole(memory)
    assert len(memory._of_user) == 3


def test_it_keeps_them_for_so_many_seconds(
    memory: LocalSessions, monotonic: Clock, configure: Callable[..., None]
) -> None:
    configure(SESSION={"CACHE": {"SECONDS": 7}})
    put(memory, "t")
    monotonic.now += 6.99
    assert memory.get("t")
    monotonic.now += 0.01
    assert memory.get("t") is None
    put(memory, "t")
    assert memory.get("t")


def test_reading_does_not_prolong(
    memory: LocalSessions, monotonic: Clock, configure: Callable[..., None]
) -> None:
    configure(SESSION={"CACHE": {"SECONDS": 7}})
    put(memory, "t")
    for _ in range(7):
        assert memory.get("t")
        monotonic.now += 1
    assert memory.get("t") is None


def test_seconds_count_from_before_the_store_was_read(
    memory: LocalSessions, monotonic: Clock, configure: Callable[..., None]
) -> None:
    configure(SESSION={"CACHE": {"SECONDS": 7}})
    turn, asked_at = memory.turn(), monotonic.now
    monotonic.now += 6  # a slow store
    memory.put(found("t"), turn=turn, as_of=asked_at)
    assert memory.get("t")
    monotonic.now += 1
    assert memory.get("t") is None


# --- what is forgotten ---


def test_forgetting_a_session_leaves_the_others(memory: LocalSessions) -> None:
    for name in ("a", "b"):
        put(memory, name)
    memory.forget(token_hashes=["a", "unknown"])
    assert memory.get("a") is None
    assert memory.get("b")
    assert_whole(memory)


@pytest.mark.parametrize("key", ["ann", 7])
def test_forgetting_a_user_forgets_all_their_sessions(memory: LocalSessions, key: Any) -> None:
    for number in range(3):
        put(memory, f"t{number}", key)
    put(memory, "other", "bob")
    memory.forget(user_keys=[str(key), "nobody"])
    assert [name for name in ("t0", "t1", "t2", "other") if memory.get(name)] == ["other"]
    assert_whole(memory)


@pytest.mark.parametrize("what", [{"token_hashes": ["t"]}, {"user_keys": ["ann"]}])
def test_what_was_read_before_it_was_forgotten_is_refused(
    memory: LocalSessions, what: dict[str, list[str]]
) -> None:
    turn = memory.turn()
    memory.forget(**what)
    memory.put(found("t"), turn=turn, as_of=time.monotonic())
    assert memory.get("t") is None
    assert_whole(memory)
    put(memory, "t")  # read since
    assert memory.get("t")


def test_what_was_read_before_something_else_was_forgotten_is_kept(memory: LocalSessions) -> None:
    turn = memory.turn()
    memory.forget(token_hashes=["other"], user_keys=["bob"])
    memory.put(found("t"), turn=turn, as_of=time.monotonic())
    assert memory.get("t")


def test_a_session_is_not_mistaken_for_a_user_of_that_name(memory: LocalSessions) -> None:
    turn = memory.turn()
    memory.forget(token_hashes=["ann"])
    memory.put(found("t", "ann"), turn=turn, as_of=time.monotonic())
    assert memory.get("t")


def test_what_was_read_before_all_was_cleared_is_refused(memory: LocalSessions) -> None:
    put(memory, "kept")
    turn = memory.turn()
    memory.clear()
    memory.put(found("t"), turn=turn, as_of=time.monotonic())
    assert memory.get("kept") is None
    assert memory.get("t") is None
    put(memory, "t")
    assert memory.get("t")


def test_whoever_reads_longer_than_is_remembered_is_refused(
    memory: LocalSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_sessions, "REMEMBERED", 10)
    long_ago = memory.turn()
    memory.forget(token_hashes=["t"])
    since = memory.turn()
    for number in range(10):
        memory.forget(token_hashes=[f"other {number}"])
    memory.put(found("t"), turn=long_ago, as_of=time.monotonic())
    assert memory.get("t") is None
    memory.put(found("never forgotten"), turn=long_ago, as_of=time.monotonic())
    assert memory.get("never forgotten") is None  # nobody can tell any more
    memory.put(found("t"), turn=since, as_of=time.monotonic())
    assert memory.get("t")
    assert len(memory._forgotten) == 10


def test_forgetting_the_same_again_takes_no_more_room(memory: LocalSessions) -> None:
    for _ in range(100):
        memory.forget(token_hashes=["t"], user_keys=["ann"])
    assert len(memory._forgotten) == 2
    turn = memory.turn()
    memory.forget(token_hashes=["t"])
    memory.put(found("t"), turn=turn, as_of=time.monotonic())
    assert memory.get("t") is None


# --- look-ups under way ---


def test_a_look_up_is_joined_while_it_is_under_way(memory: LocalSessions) -> None:
    flight, is_ours = memory.join("t")
    assert is_ours
    assert memory.join("t") == (flight, False)
    assert memory.join("other")[1]
    memory.leave("t", flight)
    again, is_ours = memory.join("t")
    assert is_ours
    assert again is not flight


@pytest.mark.parametrize(
    "end",
    [lambda memory: memory.forget(token_hashes=["t"]), lambda memory: memory.clear()],
    ids=["forgotten", "cleared"],
)
def test_nobody_joins_a_look_up_that_began_before_something_was_forgotten(
    memory: LocalSessions, end: Callable[[LocalSessions], None]
) -> None:
    stale, _ = memory.join("t")
    end(memory)
    fresh, is_ours = memory.join("t")
    assert is_ours
    assert fresh is not stale
    memory.leave("t", stale)  # late, and no business of the new one
    assert memory.join("t") == (fresh, False)
    memory.leave("t", fresh)
    assert memory._flights == {}


# --- many threads, and processes that fork ---


def hammer(memory: LocalSessions, seed: int, started: threading.Barrier, rounds: int) -> None:
    chance = random.Random(seed)
    started.wait()
    for _ in range(rounds):
        token_hash, user_key = f"t{chance.randrange(40)}", chance.randrange(8)
        act = chance.randrange(8)
        if act < 4:
            turn = memory.turn()
            memory.get(token_hash)
            # Here tokens change hands, as none does in truth: the index of users must stay right even so.
            memory.put(found(token_hash, user_key), turn=turn, as_of=time.monotonic())
        elif act == 4:
            memory.forget(token_hashes=[token_hash])
        elif act == 5:
            memory.forget(user_keys=[str(user_key)])
        elif act == 6:
            flight, is_ours = memory.join(token_hash)
            if is_ours:
                memory.leave(token_hash, flight)
        elif chance.random() < 0.05:
            memory.clear()


def test_eight_threads_leave_it_whole(
    memory: LocalSessions, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(SESSION={"CACHE": {"ENTRIES": 25}})
    monkeypatch.setattr(local_sessions, "REMEMBERED", 20)
    started = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(hammer, memory, seed, started, 2500) for seed in range(8)]
        for one in done:
            one.result()
    assert_whole(memory)
    assert len(memory._entries) <= 25
    assert memory._flights == {}
    for key in range(8):
        memory.forget(user_keys=[str(key)])
    assert (memory._entries, memory._of_user) == ({}, {})


def read_and_put(
    memory: LocalSessions, token_hash: str, read: threading.Barrier, revoked: threading.Event | None
) -> None:
    turn = memory.turn()
    read.wait()
    if revoked:
        revoked.wait()
    memory.put(found(token_hash), turn=turn, as_of=time.monotonic())


def test_a_forgotten_session_stays_away_from_threads_that_read_it_before(memory: LocalSessions) -> None:
    """Readers have the old state in hand when it is revoked, and put it at that moment or afterwards."""
    for number in range(300):
        token_hash, read, revoked = f"t{number}", threading.Barrier(5), threading.Event()

        readers = [
            threading.Thread(target=read_and_put, args=(memory, token_hash, read, revoked if late else None))
            for late in (False, False, True, True)
        ]
        for one in readers:
            one.start()
        read.wait()
        memory.forget(token_hashes=[token_hash])
        revoked.set()
        for one in readers:
            one.join()
        assert memory.get(token_hash) is None


@pytest.fixture
def in_child() -> Callable[[Callable[[], bool]], bool]:
    """Runs in a forked child, and tells whether it came out as true."""

    def run(judge: Callable[[], bool]) -> bool:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if judge() else 2
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    return run


def test_a_fork_takes_over_no_lock_and_no_look_up(in_child: Callable[[Callable[[], bool]], bool]) -> None:
    memory = local_sessions.local
    put(memory, "t")
    memory.join("under way")

    def goes_on() -> bool:
        is_free = memory._lock.acquire(timeout=10)
        memory._lock.release()
        _, is_ours = memory.join("under way")
        return is_free and is_ours and memory.get("t") is None

    try:
        with memory._lock:  # as another thread may at that moment
            assert in_child(goes_on)
        assert memory.get("t")
        assert not memory.join("under way")[1]
    finally:
        memory.clear()
