"""Two processes remember sessions: what one of them ends, the other one knows, whatever becomes of Redis.

``SECONDS`` is 60 here, and so is what Redis keeps: whoever notices, was told.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from better_auth.crypto.identifiers import token_digest
from tests.processes.redis_server import OwnRedis, free_port
from tests.server import PASSWORD, Answer, RunningServer, new_email, wait_for

BOTH = (0, 1)
PREFIX = "caches"
SOON = 30.0  # far below the seconds of the caches
LOST, BACK = "Redis is lost", "Redis is back"


@pytest.fixture(scope="module")
def redis_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    """Its place; each test starts a new one there."""
    own = OwnRedis(tmp_path_factory.mktemp("redis"), free_port())
    yield own
    own.kill()


@pytest.fixture(scope="module")
def server(redis_of_module: OwnRedis) -> Iterator[RunningServer]:
    with RunningServer(
        processes=2,
        interface="wsgi",
        ready="/health",
        REDIS_URL=redis_of_module.url,
        BETTER_AUTH_CACHE_PREFIX=PREFIX,
        BETTER_AUTH_SESSION_CACHE_SECONDS="60",
    ) as running:
        yield running


@dataclass(frozen=True)
class Device:
    """A signed-in client, known by its cookie."""

    server: RunningServer
    email: str
    token: str
    cookie: str
    user_id: str

    @classmethod
    def of(cls, server: RunningServer, email: str, answer: Answer) -> Device:
        return cls(server, email, answer.json["token"], answer.session_cookie, answer.json["user"]["id"])

    @classmethod
    def sign_up(cls, server: RunningServer) -> Device:
        email = new_email("cached")
        return cls.of(server, email, server.sign_up(email))

    def sign_in_again(self) -> Device:
        return Device.of(self.server, self.email, self.server.sign_in(self.email))

    def session(self, process: int) -> Any:
        answer = self.server.call("GET", "/get-session", cookie=self.cookie, process=process)
        assert answer.status == 200, answer
        return answer.json

    def is_in(self, process: int) -> bool:
        return self.session(process) is not None

    def act(self, path: str, body: Any = None) -> None:
        """At the first process."""
        answer = self.server.call("POST", path, {} if body is None else body, cookie=self.cookie)
        assert answer.status == 200, answer

    def is_remembered(self, process: int) -> bool:
        """Answered without the database."""
        before = hits(self.server, process)
        assert self.is_in(process)
        return hits(self.server, process) > before


def hits(server: RunningServer, process: int) -> float:
    text = server.call("GET", "//metrics", process=process).content.decode()
    found = re.search(r"^better_auth_token_cache_hits_total (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def wait_until_remembered(device: Device) -> None:
    for process in BOTH:
        wait_for(
            lambda: device.is_remembered(process),  # noqa: B023, called at once
            f"process {process} to remember",
            seconds=SOON,
        )


def stays_out(device: Device) -> bool:
    """At both processes, and also once they have asked again."""
    return not any(device.is_in(process) for _ in range(4) for process in BOTH)


@pytest.fixture
def redis(redis_of_module: OwnRedis, server: RunningServer) -> Iterator[OwnRedis]:
    """A new one, and both processes use it."""
    redis_of_module.forget_saved()
    redis_of_module.start()
    wait_until_remembered(Device.sign_up(server))
    yield redis_of_module
    redis_of_module.kill()


@pytest.fixture
def ann(server: RunningServer, redis: OwnRedis) -> Device:
    """Remembered by both."""
    device = Device.sign_up(server)
    wait_until_remembered(device)
    return device


class Traffic:
    """Requests with one session at both processes, until the end; ``answers`` are all that came."""

    def __init__(self, device: Device) -> None:
        self.answers: list[Answer] = []
        self._device, self._over = device, threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(process,)) for process in (*BOTH, *BOTH)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        wait_for(lambda: len(self.answers) > 20, "traffic")
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, process: int) -> None:
        server, cookie = self._device.server, self._device.cookie
        while not self._over.wait(0.005):
            self.answers.append(server.call("GET", "/get-session", cookie=cookie, process=process))

    def all_went_well(self) -> bool:
        expected = {(200, self._device.token)}
        told = {
            (one.status, one.json["session"]["token"] if one.json else None) for one in tuple(self.answers)
        }
        return told == expected


class Log:
    """What the server has logged since."""

    def __init__(self, server: RunningServer) -> None:
        self._file = server.site.log
        self._start = self._file.stat().st_size

    @property
    def text(self) -> str:
        return self._file.read_bytes()[self._start :].decode()

    def wait_for_both(self, line: str) -> None:
        wait_for(lambda: self.text.count(line) >= len(BOTH), f"both to log {line!r}", seconds=SOON)


# --- a session ends at one process, or by a command ---

ENDINGS: dict[str, Callable[[Device, Device], None]] = {
    "signed out": lambda ann, other: ann.act("/sign-out"),
    "revoked": lambda ann, other: other.act("/revoke-session", {"token": ann.token}),
    "all revoked": lambda ann, other: other.act("/revoke-sessions"),
    "others revoked": lambda ann, other: other.act("/revoke-other-sessions"),
    "password changed": lambda ann, other: other.act(
        "/change-password",
        {"currentPassword": PASSWORD, "newPassword": "another password", "revokeOtherSessions": True},
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_other_process_is_told(ending: str, ann: Device, server: RunningServer) -> None:
    other = ann.sign_in_again()
    wait_until_remembered(other)
    with Traffic(Device.sign_up(server)) as traffic:
        ENDINGS[ending](ann, other)
        wait_for(lambda: not ann.is_in(1), "process 1 to notice", seconds=SOON)
    assert stays_out(ann)
    assert traffic.all_went_well()


COMMAND = """
from better_auth import users
from better_auth.admin import operations
from better_auth.admin.people import Operator
from better_auth.events import Client
find = users.find_by_email
users.update(find("{promoted}"), role="admin")
users.update(find("{banned}"), banned=True)
operations.change_user(
    find("{banned_in_admin}"), dict(banned=True), also=set(), operator=Operator("nobody", Client("192.0.2.1"))
)
saved = users.row_of(find("{saved}"))
saved.name = "Saved"
saved.save()
"""


def test_a_command_tells_every_process(ann: Device, server: RunningServer) -> None:
    banned, banned_in_admin, saved = (Device.sign_up(server) for _ in range(3))
    for one in (banned, banned_in_admin, saved):
        wait_until_remembered(one)
    emails = {"banned": banned.email, "banned_in_admin": banned_in_admin.email, "saved": saved.email}
    done = server.site.manage("shell", "-v", "0", "-c", COMMAND.format(promoted=ann.email, **emails))
    assert done.returncode == 0, done.stdout
    for process in BOTH:
        assert ann.session(process)["user"]["role"] == "admin"
        assert saved.session(process)["user"]["name"] == "Saved"
    assert stays_out(banned)
    assert stays_out(banned_in_admin)


def test_without_redis_the_seconds_are_the_bound() -> None:
    settings = {"REDIS_URL": "", "BETTER_AUTH_SESSION_CACHE_SECONDS": "1"}
    with RunningServer(processes=2, interface="wsgi", **settings) as server:
        ann = Device.sign_up(server)
        wait_until_remembered(ann)
        ann.act("/sign-out")
        assert not ann.is_in(0)
        wait_for(lambda: not ann.is_in(1), "the seconds to pass", seconds=SOON)
        assert stays_out(ann)


# --- Redis goes, and comes back ---


@pytest.mark.parametrize("comes_back", ["empty", "with what it had"])
def test_redis_is_killed(comes_back: str, ann: Device, server: RunningServer, redis: OwnRedis) -> None:
    gone, gone_by_command = Device.sign_up(server), Device.sign_up(server)
    for one in (gone, gone_by_command):
        wait_until_remembered(one)
    hashes = [token_digest(one.token) for one in (gone, gone_by_command)]
    if comes_back != "empty":
        redis.save()
    log = Log(server)
    with Traffic(ann) as traffic:
        redis.kill()
        log.wait_for_both(LOST)
        gone.act("/sign-out")
        assert stays_out(gone)
        revoke = (
            f"from better_auth.models import Session; Session.objects.get(token_hash='{hashes[1]}').delete()"
        )
        assert server.site.manage("shell", "-v", "0", "-c", revoke).returncode == 0
        assert stays_out(gone_by_command)

        redis.start()
        kept = [redis.keys(f"{PREFIX}:verified:*:{one}") for one in hashes]
        assert all(kept) is (comes_back != "empty")
        log.wait_for_both(BACK)
        wait_until_remembered(ann)
        assert stays_out(gone)
        assert stays_out(gone_by_command)
    assert traffic.all_went_well()
    # Once by each process; the command said it in its own output.
    assert (log.text.count(LOST), log.text.count(BACK)) == (2, 2)
    secrets = [redis.password, ann.token, gone.token, *hashes]
    assert not any(secret in log.text for secret in secrets)


def test_redis_hangs(ann: Device, server: RunningServer, redis: OwnRedis) -> None:
    gone = Device.sign_up(server)
    wait_until_remembered(gone)
    log = Log(server)
    with Traffic(ann) as traffic:
        with redis.stopped():
            gone.act("/sign-out")
            assert not gone.is_in(0)
            log.wait_for_both(LOST)
            assert stays_out(gone)
            before = len(traffic.answers)
            wait_for(lambda: len(traffic.answers) > before + 50, "answers to go on", seconds=SOON)
        log.wait_for_both(BACK)
        wait_until_remembered(ann)
        assert stays_out(gone)
    assert traffic.all_went_well()


def test_only_the_subscriptions_are_lost(ann: Device, server: RunningServer, redis: OwnRedis) -> None:
    """What was announced meanwhile is missed: so nothing that was remembered counts any more."""
    wait_until_remembered(ann)
    server.database.rows("DELETE FROM better_auth_sessions WHERE user_id = %s", ann.user_id)
    assert all(ann.is_in(process) for process in BOTH)  # nobody was told
    log = Log(server)
    assert redis.lose_subscribers() == 2
    log.wait_for_both(BACK)
    assert stays_out(ann)
    wait_until_remembered(Device.sign_up(server))
    assert (log.text.count(LOST), log.text.count(BACK)) == (2, 2)


# --- who can write into Redis ---


def test_a_forged_record_opens_nothing(ann: Device, server: RunningServer, redis: OwnRedis) -> None:
    (genuine,) = redis.keys(f"{PREFIX}:verified:*:{token_digest(ann.token)}")
    store = type(redis.client)(port=redis.port, password=redis.password, db=3)
    record = store.get(genuine)
    forged = "forged" * 6
    place = genuine.decode().replace(token_digest(ann.token), token_digest(forged))
    payload = record[32:].replace(token_digest(ann.token).encode(), token_digest(forged).encode())
    for written in (record, record[:32] + payload, bytes(32) + payload, payload, b"x"):
        store.set(place, written, ex=60)
        for process in BOTH:
            answer = server.call("GET", "/get-session", process=process, authorization=f"Bearer {forged}")
            assert (answer.status, answer.json) == (200, None)
    assert ann.is_remembered(1)


def test_a_record_that_is_put_back_opens_nothing(ann: Device, server: RunningServer, redis: OwnRedis) -> None:
    """A thief with the token and with Redis: once the epoch has changed, what was written before is void."""
    (place,) = redis.keys(f"{PREFIX}:verified:*:{token_digest(ann.token)}")
    store = type(redis.client)(port=redis.port, password=redis.password, db=3)
    record = store.get(place)
    log = Log(server)
    ann.act("/sign-out")
    redis.lose_subscribers()
    log.wait_for_both(BACK)
    other = Device.sign_up(server)
    wait_until_remembered(other)
    epoch = store.get(f"{PREFIX}:verified:epoch").decode()
    assert store.get(f"{PREFIX}:verified:{epoch}:{token_digest(other.token)}")  # that is where they look
    store.set(f"{PREFIX}:verified:{epoch}:{token_digest(ann.token)}", record)
    assert stays_out(ann)
