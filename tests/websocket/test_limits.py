"""What a client may cost: each that costs more is closed with its code, and nobody else notices."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.server import Answer, RunningServer, ask_to_stop, new_email, wait_for
from tests.sockets import Socket
from tests.websocket.conftest import APPLICATION

with_redis = pytest.mark.skipif(not os.environ.get("REDIS_URL"), reason="REDIS_URL is not set")
PER_USER, PER_ADDRESS = 3, 5
METRICS_TOKEN = "only-for-these-tests-0123456789"
STRICT = {
    "BETTER_AUTH_TRUSTED_PROXIES": "127.0.0.1",
    "BETTER_AUTH_METRICS_TOKEN": METRICS_TOKEN,
    "BETTER_AUTH_WEBSOCKET_FIRST_MESSAGE_SECONDS": "2",
    "BETTER_AUTH_WEBSOCKET_HEARTBEAT_SECONDS": "2",
    "BETTER_AUTH_WEBSOCKET_ANSWER_SECONDS": "6",
    "BETTER_AUTH_WEBSOCKET_MAX_PER_USER": str(PER_USER),
    "BETTER_AUTH_WEBSOCKET_MAX_PER_ADDRESS": str(PER_ADDRESS),
    "BETTER_AUTH_WEBSOCKET_LEASE_SECONDS": "3",
    "BETTER_AUTH_WEBSOCKET_MAX_MESSAGES": "20",
    "BETTER_AUTH_WEBSOCKET_SEND_SECONDS": "1",
}
Opener = Callable[..., Socket]
_hosts = iter(range(1, 250))


@pytest.fixture(scope="module")
def strict() -> Iterator[RunningServer]:
    with RunningServer(processes=2, application=APPLICATION, **STRICT) as running:
        yield running


@pytest.fixture
def user(strict: RunningServer) -> Answer:
    return strict.sign_up(new_email())


@pytest.fixture
def opened(strict: RunningServer) -> Iterator[Opener]:
    """A socket from an address of its own, by somebody's token; of nobody, without one."""
    with ExitStack() as stack:
        yield opener(strict, stack)


def opener(server: RunningServer, stack: ExitStack) -> Opener:
    def open_socket(
        who: Answer | None = None,
        path: str = "/ws/auth/",
        *,
        process: int = 0,
        address: str = "",
        **options: Any,
    ) -> Socket:
        headers = {"X-Forwarded-For": address or f"10.1.0.{next(_hosts)}"}
        if who is not None:
            headers["Authorization"] = f"Bearer {who.json['token']}"
        return stack.enter_context(Socket(server.urls[process], path, headers=headers, **options))

    return open_socket


def is_let_in(socket: Socket) -> bool:
    return bool(socket.hear()["success"])


def metric(server: RunningServer, name: str, **labels: str) -> float:
    shown = ",".join(f'{key}="{value}"' for key, value in labels.items())
    line = f"{name}{{{shown}}} " if labels else f"{name} "
    answer = server.call("GET", "//metrics", Authorization=f"Bearer {METRICS_TOKEN}")
    assert answer.status == 200
    text = answer.content.decode()
    found = [one for one in text.splitlines() if one.startswith(line)]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def test_so_many_sockets_of_one_user_in_all_processes(opened: Opener, user: Answer) -> None:
    second = 1 if os.environ.get("REDIS_URL") else 0
    sockets = [opened(user), opened(user), opened(user, process=second)]
    assert all(map(is_let_in, sockets))
    one_more = opened(user, process=second)
    assert one_more.hear()["error"]["code"] == "TOO_MANY_CONNECTIONS_OF_USER"
    assert one_more.closed()[0] == 4429
    assert all(socket.is_open() for socket in sockets)
    sockets[0].connection.close()

    def has_room() -> bool:
        return bool(opened(user, process=second).hear()["success"])

    wait_for(has_room, "room for one more", seconds=30)


def test_in_one_moment_no_more_come_in_either(strict: RunningServer, opened: Opener, user: Answer) -> None:
    processes = 2 if os.environ.get("REDIS_URL") else 1
    with ThreadPoolExecutor(12) as pool:
        sockets = list(pool.map(lambda number: opened(user, process=number % processes), range(12)))
        assert sum(pool.map(is_let_in, sockets)) == PER_USER


def test_a_flood_from_one_address_costs_the_others_nothing(
    strict: RunningServer, opened: Opener, user: Answer
) -> None:
    ann = opened(user)
    assert is_let_in(ann)
    with ThreadPoolExecutor(20) as pool:
        flood = list(pool.map(lambda _: opened(address="10.9.9.9"), range(60)))
        assert ann.is_open()
        codes = list(pool.map(lambda socket: socket.closed()[0], flood))
    assert sorted(codes) == [4401] * PER_ADDRESS + [4429] * (60 - PER_ADDRESS)
    assert ann.is_open()
    assert is_let_in(opened(user, address="10.9.9.8"))
    assert strict.call("GET", "/ok").status == 200


@pytest.mark.parametrize("content", ["x" * 10_000_000, b"x" * 10_000_000], ids=["text", "bytes"])
def test_ten_megabytes(opened: Opener, user: Answer, content: Any) -> None:
    ann, heavy = opened(user), opened(user)
    assert is_let_in(ann)
    assert is_let_in(heavy)
    heavy.say(content)
    assert heavy.closed()[0] == 4413
    assert ann.is_open()


def test_too_many_messages(opened: Opener, user: Answer) -> None:
    ann, loud = opened(user), opened(user)
    assert is_let_in(ann)
    with suppress(ConnectionClosed):  # it may be closed before it has said everything
        for _ in range(40):
            loud.say({"type": "ping"})
    assert loud.closed() == (4430, "slow down")
    assert ann.is_open()


def test_who_does_not_answer_a_heartbeat_is_closed(opened: Opener, user: Answer) -> None:
    answering, silent = opened(user), opened(user)
    assert is_let_in(answering)
    assert is_let_in(silent)
    for _ in range(4):
        assert answering.hear("ping")
        answering.say({"type": "pong"})
    assert silent.closed() == (4408, "no heartbeat")
    assert {one["type"] for one in silent.last_words} == {"ping"}
    assert answering.is_open()


def test_a_slow_reader_is_closed(strict: RunningServer, opened: Opener, user: Answer) -> None:
    ann = opened(user)
    assert is_let_in(ann)
    before = metric(strict, "better_auth_socket_closes_total", code="4431")
    slow = opened(user, "/slow", max_queue=1)
    slow.say("begin")
    for _ in range(60):
        assert ann.is_open()
        if metric(strict, "better_auth_socket_closes_total", code="4431") > before:
            return
        time.sleep(0.7)
    pytest.fail("the slow one is there still")


def test_metrics_count_sockets_handshakes_and_ends(
    strict: RunningServer, opened: Opener, user: Answer
) -> None:
    handshakes, closes = "better_auth_socket_handshakes_total", "better_auth_socket_closes_total"
    counted = [
        (handshakes, {"method": "bearer", "result": "accepted"}),
        (handshakes, {"method": "none", "result": "invalid_message"}),
        (closes, {"code": "4400"}),
        (closes, {"code": "4441"}),
        ("better_auth_socket_revocation_seconds_count", {}),
    ]
    before = [metric(strict, name, **labels) for name, labels in counted]
    ann, bad = opened(user), opened()
    assert is_let_in(ann)
    assert metric(strict, "better_auth_sockets") >= 1
    bad.say("garbage{")
    assert bad.closed()[0] == 4400
    strict.call("POST", "/sign-out", {}, Authorization=f"Bearer {user.json['token']}")
    assert ann.closed()[0] == 4441
    wait_for(
        lambda: [metric(strict, name, **labels) - 1 for name, labels in counted] >= before,
        "the counts",
        seconds=20,
    )


def test_the_audit_log_has_refusals_once_and_what_was_ended(
    strict: RunningServer, opened: Opener, user: Answer
) -> None:
    address = f"10.7.0.{next(_hosts)}"
    for _ in range(3):
        refused = opened(address=address)
        refused.say({"type": "auth", "token": "nonsense-of-the-audited"})
        assert refused.closed()[0] == 4401
    ann = opened(user)
    assert is_let_in(ann)
    strict.call("POST", "/sign-out", {}, Authorization=f"Bearer {user.json['token']}")
    assert ann.closed()[0] == 4441

    def told(kind: str, column: str, value: str) -> list[tuple[Any, ...]]:
        statement = f"SELECT success, details FROM auth_audit_log WHERE event_type = %s AND {column} = %s"  # noqa: S608
        return strict.database.rows(statement, kind, value)

    ended = wait_for(lambda: told("socket_closed", "subject_id", user.json["user"]["id"]), "the entry")
    assert "4441" in str(ended)
    refusals = wait_for(lambda: told("socket_refused", "ip_address", address), "the entry")
    assert len(refusals) == 1
    assert "invalid_token" in str(refusals)
    assert "nonsense-of-the-audited" not in strict.database.dump() + strict.site.log.read_text()


@with_redis
def test_sockets_of_a_process_that_has_crashed_do_not_count_for_long() -> None:
    with RunningServer(processes=2, application=APPLICATION, **STRICT) as server, ExitStack() as stack:
        opened, user = opener(server, stack), server.sign_up(new_email())
        assert all(is_let_in(opened(user, process=1)) for _ in range(PER_USER))
        assert not is_let_in(opened(user))
        crashed = server.processes[1].pid
        workers = Path(f"/proc/{crashed}/task/{crashed}/children").read_text().split()
        for pid in [crashed, *map(int, workers)]:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: is_let_in(opened(user)), "the end of the leases", seconds=30)


def test_a_server_that_stops_asks_its_clients_to_come_back() -> None:
    with RunningServer(application=APPLICATION) as server, ExitStack() as stack:
        opened, user = opener(server, stack), server.sign_up(new_email())
        sockets = [opened(user), opened(user, "/chat"), opened()]
        assert all(map(is_let_in, sockets[:2]))
        seconds = ask_to_stop(server.processes[0])
        for socket in sockets:
            assert socket.closed() == (1012, "restart")
            assert socket.last_words[-1] == {"type": "session.ended", "reason": "restart"}
        assert seconds < 15
        assert server.processes[0].returncode == 0


def test_with_redis_away_each_process_counts_and_sockets_go_on(tmp_path: Path) -> None:
    """They are held against the database meanwhile."""
    from tests.processes.redis_server import OwnRedis, free_port

    redis = OwnRedis(tmp_path, free_port())
    redis.start()
    try:
        own = {"REDIS_URL": redis.url, "BETTER_AUTH_CACHE_PREFIX": "away"}
        settings = {**STRICT, **own, "BETTER_AUTH_WEBSOCKET_CHECK_SECONDS": "1"}
        with RunningServer(application=APPLICATION, **settings) as server, ExitStack() as stack:
            opened, user = opener(server, stack), server.sign_up(new_email())
            ann = opened(user)
            assert is_let_in(ann)
            redis.kill()
            started = time.monotonic()
            assert is_let_in(opened(user))
            assert is_let_in(opened(user))
            assert not is_let_in(opened(user))
            server.database.rows("DELETE FROM better_auth_sessions")
            assert ann.closed()[0] == 4441
            assert time.monotonic() - started < 60
    finally:
        redis.kill()
