"""Sessions in Redis: what it gives is ours, of now, and none that was revoked; what counts as its loss."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import orjson
import pytest
from django.core.cache import CacheHandler
from django.db import DatabaseError, connection

from better_auth import sessions, users
from better_auth.crypto.identifiers import token_digest
from better_auth.events import AuthMethod, Client
from better_auth.models import Session
from better_auth.sessions import IssuedSession
from better_auth.storage import shared_redis, shared_sessions, verified_sessions
from better_auth.storage import subscription as subscription_module
from better_auth.storage.local_sessions import local
from better_auth.storage.records import UserRecord
from better_auth.storage.subscription import Subscription, subscription
from tests.conftest import FrozenTime
from tests.server import wait_for

REDIS: Any = shared_sessions.client()
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(REDIS is None, reason="REDIS_URL is not set"),
]


def live_epoch() -> str:
    wait_for(subscription.is_live, "the subscription")
    return str(subscription.epoch)


@pytest.fixture(autouse=True)
def epoch() -> str:
    return live_epoch()


@pytest.fixture
def ann() -> UserRecord:
    return users.create(email="ann@example.com", name="Ann")


@pytest.fixture
def issued(ann: UserRecord) -> IssuedSession:
    """Signed in, and known to Redis alone."""
    issued = sessions.issue(ann, client=Client("192.0.2.1"), method=AuthMethod.PASSWORD)
    assert sessions.resume(issued.token)
    local.clear()
    return issued


def key_of(issued: IssuedSession, epoch: str) -> str:
    return shared_sessions._key(epoch, issued.session.token_hash)


def is_in_redis(issued: IssuedSession) -> bool:
    return shared_sessions.read(REDIS, live_epoch(), issued.session.token_hash)[0] is not None


def delete_unheard(issued: IssuedSession) -> None:
    Session.objects.filter(pk=issued.session.id)._raw_delete("default")  # type: ignore[attr-defined]


# --- what it gives ---


def test_what_it_keeps_goes_by_itself(issued: IssuedSession, epoch: str) -> None:
    assert 0 < REDIS.ttl(key_of(issued, epoch)) <= 60
    sessions.revoke(issued.session, issued.user)
    assert REDIS.get(key_of(issued, epoch)) == shared_sessions.MARK
    assert 0 < REDIS.ttl(key_of(issued, epoch)) <= shared_sessions.MARK_SECONDS


def test_it_keeps_no_token(issued: IssuedSession, epoch: str) -> None:
    assert issued.token.encode() not in REDIS.get(key_of(issued, epoch))
    assert issued.token not in key_of(issued, epoch)


def test_who_writes_into_it_makes_no_session(issued: IssuedSession, epoch: str) -> None:
    """A record as ours are, of a session that there never was: without our signature it is none."""
    forged = replace(issued.session, token_hash=token_digest("forged")), issued.user
    key = shared_sessions._key(epoch, token_digest("forged"))
    record = shared_sessions.encode(forged, key, 60)
    for signature in (b"\x00" * 32, record[:31] + b"\x00", b""):
        REDIS.set(key, signature + record[32:], ex=60)
        assert sessions.resume("forged") is None
    REDIS.set(key, REDIS.get(key_of(issued, epoch)), ex=60)  # ours, but another one's
    assert sessions.resume("forged") is None
    assert live_epoch() == epoch


def test_who_writes_into_it_brings_no_session_back(
    issued: IssuedSession, epoch: str, frozen_time: FrozenTime
) -> None:
    """A record of ours, put back after the revocation: it counts for its epoch, and for its minute alone."""
    record = REDIS.get(key_of(issued, epoch))
    sessions.revoke(issued.session, issued.user)
    frozen_time.advance(seconds=60)
    REDIS.set(key_of(issued, epoch), record)
    assert sessions.resume(issued.token) is None
    frozen_time.advance(seconds=-60)
    later = shared_sessions.begin_epoch(REDIS, shared_sessions.run_of(REDIS))
    wait_for(lambda: subscription.epoch == later, "the new epoch")
    REDIS.set(key_of(issued, later), record, ex=60)
    assert sessions.resume(issued.token) is None


@pytest.mark.parametrize(
    "payload", [[], [9e15, {}, {}], [9e15, 1, 2], [9e15, {"id": 1}, {"key": "x"}], "text", [None, {}, {}]]
)
def test_what_another_version_wrote_is_passed_over(issued: IssuedSession, epoch: str, payload: Any) -> None:
    key, text = key_of(issued, epoch), orjson.dumps(payload)
    REDIS.set(key, shared_sessions._signature(text, key) + text, ex=60)
    assert sessions.resume(issued.token)
    assert live_epoch() == epoch


# --- marks ---


def test_who_read_before_the_revocation_adds_nothing(
    ann: UserRecord, epoch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = sessions.issue(ann, client=Client("192.0.2.1"), method=AuthMethod.PASSWORD)
    find = verified_sessions.find_session

    def find_and_be_late(token_hash: str) -> Any:
        found = find(token_hash)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(revoke_beside, issued).result(60)
        return found

    monkeypatch.setattr(verified_sessions, "find_session", find_and_be_late)
    assert sessions.resume(issued.token)  # it was there when we asked
    monkeypatch.undo()
    assert not is_in_redis(issued)
    assert verified_sessions.in_memory(issued.session.token_hash) is None
    assert sessions.resume(issued.token) is None


def revoke_beside(issued: IssuedSession) -> None:
    try:
        sessions.revoke(issued.session, issued.user)
    finally:
        connection.close()


def test_who_read_for_too_long_adds_nothing(
    issued: IssuedSession, epoch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    REDIS.delete(key_of(issued, epoch))
    monkeypatch.setattr(shared_sessions, "LONGEST_READ_SECONDS", 0)
    assert sessions.resume(issued.token)
    assert not is_in_redis(issued)
    monkeypatch.undo()
    local.clear()
    assert sessions.resume(issued.token)
    assert is_in_redis(issued)


@pytest.mark.parametrize("believed", [None, "of.before"])
def test_marks_are_left_in_the_epoch_in_force(
    believed: str | None, issued: IssuedSession, epoch: str
) -> None:
    """Whoever announces may not have heard of it yet, or not listen at all, as a command does not."""
    shared_sessions.announce(REDIS, believed, [issued.session.token_hash], [])
    assert REDIS.get(key_of(issued, epoch)) == shared_sessions.MARK


@pytest.mark.parametrize("believes", [True, False])
def test_without_the_name_of_the_epoch_a_new_one_begins(
    believes: bool, issued: IssuedSession, epoch: str
) -> None:
    """Flushed, or evicted as the key that is used least, while the processes go on with it."""
    REDIS.delete(shared_sessions._epoch_key())
    shared_sessions.announce(REDIS, epoch if believes else None, [issued.session.token_hash], [])
    wait_for(lambda: subscription.epoch not in (None, epoch), "the new epoch")
    assert not is_in_redis(issued)


def test_our_callers_next_request_does_not_outrun_our_own_announcement(
    issued: IssuedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody finds the record in Redis just before the mark is left; and we hear ourselves late."""
    monkeypatch.setattr(subscription, "_hear", lambda response: None)
    announce = shared_sessions.announce

    def announce_late(*arguments: Any) -> None:
        delete_unheard(issued)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(verified_sessions.find, issued.session.token_hash).result(60)
        assert verified_sessions.in_memory(issued.session.token_hash)
        announce(*arguments)

    monkeypatch.setattr(shared_sessions, "announce", announce_late)
    verified_sessions.forget_session(issued.session.token_hash)
    assert sessions.resume(issued.token) is None


# --- losses, and what is none ---


def test_a_number_that_json_has_not_is_no_loss(
    issued: IssuedSession, epoch: str, django_assert_num_queries: Any
) -> None:
    sessions.update(issued.session, additional_fields={"host": 2**70})
    REDIS.delete(key_of(issued, epoch))
    for _ in range(2):
        resumed = sessions.resume(issued.token)
        assert resumed is not None
        assert resumed.session.additional_fields == {"host": 2**70}
        local.clear()
    assert live_epoch() == epoch


def test_a_database_that_fails_after_the_commit_leaves_nothing_behind(
    issued: IssuedSession, epoch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose sessions to announce is not known then: a new epoch says it of all."""

    def fail(key: Any) -> list[str]:
        raise DatabaseError("gone")

    monkeypatch.setattr(verified_sessions, "_hashes_of", fail)
    users.update(issued.user, role="admin")
    monkeypatch.undo()
    wait_for(lambda: subscription.epoch not in (None, epoch), "the new epoch")
    assert not is_in_redis(issued)
    assert sessions.resume(issued.token).user.role == "admin"  # type: ignore[union-attr]


def test_a_failure_is_a_loss_until_a_new_epoch_has_begun(
    issued: IssuedSession, epoch: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any) -> None:
        raise ConnectionError("redis://:password@secret.example")

    monkeypatch.setattr(shared_sessions, "begin_epoch", fail)
    monkeypatch.setattr(shared_sessions, "read", fail)
    sessions.resume(issued.token)
    assert not subscription.is_live()
    assert sessions.resume(issued.token)
    assert verified_sessions.in_memory(issued.session.token_hash) is None  # not trusted, whatever is in it
    monkeypatch.setattr(shared_sessions, "announce", lambda *arguments: pytest.fail("no use"))
    sessions.revoke(issued.session, issued.user)
    assert sessions.resume(issued.token) is None
    monkeypatch.undo()
    assert live_epoch() != epoch
    assert sessions.resume(issued.token) is None
    told = [record.getMessage() for record in caplog.records if "Redis" in record.getMessage()]
    assert told == [
        "Redis is lost (ConnectionError): sessions are read from the database until it is back",
        "Redis is back",
    ]


def test_many_attempts_use_up_no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage of some minutes is more attempts than a pool has connections."""
    monkeypatch.setattr(subscription_module, "PAUSES_SECONDS", (0.0,))
    attempts, enough = [0], threading.Event()
    agree = Subscription._agree_on_epoch

    def agree_at_last(self: Subscription, redis: Any) -> None:
        attempts[0] += 1
        if attempts[0] <= 150:
            raise ConnectionError("not yet")
        agree(self, redis)
        enough.set()

    monkeypatch.setattr(Subscription, "_agree_on_epoch", agree_at_last)
    subscription.lose(ConnectionError("gone"))
    assert enough.wait(60)
    assert live_epoch()


def test_of_several_servers_the_one_that_is_written_to_is_used(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """Django's own cache reads from the others, where nothing can be announced."""
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": ["redis://a", "redis://b"]}
    monkeypatch.setitem(settings.CACHES, "default", cache)
    monkeypatch.setattr(shared_redis, "caches", CacheHandler({"default": cache}))
    for _ in range(20):
        chosen: Any = shared_sessions.client.__wrapped__()
        assert chosen.connection_pool.connection_kwargs["host"] == "a"
