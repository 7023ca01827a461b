"""What is remembered of sessions: served again without a query, and never after it has changed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction

from better_auth import sessions, users
from better_auth.crypto.identifiers import token_digest
from better_auth.events import AuthMethod, Client
from better_auth.models import Session
from better_auth.sessions import IssuedSession
from better_auth.storage import shared_sessions, verified_sessions
from better_auth.storage.local_sessions import local
from better_auth.storage.records import UserRecord, carrier_model
from better_auth.storage.subscription import subscription
from tests.conftest import FrozenTime
from tests.server import CHECKOUT, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
with_redis = pytest.mark.skipif(shared_sessions.client() is None, reason="REDIS_URL is not set")

# It depends neither on Redis nor on the user model, and takes its time.
once = pytest.mark.skipif(
    shared_sessions.client() is not None or settings.AUTH_USER_MODEL != "better_auth.User",
    reason="told by the run on SQLite with our users",
)


@pytest.fixture(autouse=True)
def _listening() -> None:
    wait_for(lambda: shared_sessions.client() is None or subscription.is_live(), "the subscription")


@pytest.fixture
def ann() -> UserRecord:
    return users.create(email="ann@example.com", name="Ann", role="user")


def sign_in(user: UserRecord) -> IssuedSession:
    return sessions.issue(user, client=Client("192.0.2.1"), method=AuthMethod.PASSWORD)


@pytest.fixture
def issued(ann: UserRecord) -> IssuedSession:
    """Signed in, and remembered."""
    issued = sign_in(ann)
    assert sessions.resume(issued.token)
    return issued


def beside(act: Callable[[], Any]) -> Any:
    """In another thread, with a connection of its own."""

    def run() -> Any:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(timeout=60)


# --- remembered ---


def test_the_second_read_makes_no_query(ann: UserRecord, django_assert_num_queries: Any) -> None:
    token = sign_in(ann).token
    with django_assert_num_queries(1):
        first = sessions.resume(token)
    with django_assert_num_queries(0):
        assert sessions.resume(token) == first
        assert beside(lambda: sessions.resume(token)) == first
    with django_assert_num_queries(1):
        assert sessions.resume(token, from_store=True) == first


@with_redis
def test_what_this_process_has_not_may_be_in_redis(
    issued: IssuedSession, django_assert_num_queries: Any
) -> None:
    first = sessions.resume(issued.token)
    local.clear()
    with django_assert_num_queries(0):
        assert sessions.resume(issued.token) == first


@pytest.mark.parametrize("seconds", [0, 60])
@pytest.mark.parametrize("shared_seconds", [0, 60])
def test_without_seconds_the_store_is_asked_each_time(
    seconds: int,
    shared_seconds: int,
    issued: IssuedSession,
    configure: Callable[..., None],
    django_assert_num_queries: Any,
) -> None:
    configure(SESSION={"CACHE": {"SECONDS": seconds, "SHARED_SECONDS": shared_seconds}})
    token = sign_in(issued.user).token
    is_kept = seconds or (shared_seconds and shared_sessions.client())
    with django_assert_num_queries(1 if is_kept else 3):
        for _ in range(3):
            assert sessions.resume(token)


def test_nobody_is_not_remembered(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        assert sessions.resume("nobody's") is None
        assert sessions.resume("nobody's") is None


# --- what ends a session, is seen at once ---


def _delete_as_the_host_may(issued: IssuedSession) -> None:
    get_user_model()._default_manager.filter(pk=issued.user.key).delete()


def _save_carrier(issued: IssuedSession, **columns: Any) -> None:
    carrier = carrier_model()._default_manager.get(pk=issued.user.key)
    for name, value in columns.items():
        setattr(carrier, name, value)
    carrier.save()


ENDS: dict[str, Callable[[IssuedSession], Any]] = {
    "revoked": lambda issued: sessions.revoke(issued.session, issued.user),
    "all revoked": lambda issued: sessions.revoke_all(issued.user),
    "others revoked": lambda issued: sessions.revoke_all(issued.user, keep=sign_in(issued.user).session),
    "row deleted": lambda issued: Session.objects.get(pk=issued.session.id).delete(),
    "rows deleted": lambda issued: Session.objects.filter(user_id=issued.user.key).delete(),
    "rows deleted, hardly loaded": lambda issued: Session.objects.only("pk").all().delete(),
    "row deleted under another name": lambda issued: Device.objects.filter(pk=issued.session.id).delete(),
    "banned": lambda issued: users.update(issued.user, banned=True),
    "banned by save": lambda issued: _save_carrier(issued, banned=True),
    "user deleted": lambda issued: users.delete(issued.user),
    "user deleted by the host": _delete_as_the_host_may,
}


def proxy_of(model: type[Any], name: str) -> Any:
    """As hosts define them for pages of their admin site, long after the start."""
    meta = type("Meta", (), {"proxy": True, "app_label": "nowhere"})
    return type(name, (model,), {"Meta": meta, "__module__": __name__})


Device = proxy_of(Session, "Device")
Clerk = proxy_of(get_user_model(), "Clerk")


@pytest.mark.parametrize("end", ENDS)
def test_what_ends_a_session_is_seen_at_once(end: str, issued: IssuedSession) -> None:
    assert sessions.resume(issued.token)
    ENDS[end](issued)
    assert sessions.resume(issued.token) is None
    assert beside(lambda: sessions.resume(issued.token)) is None
    assert verified_sessions.find(token_digest(issued.token)) is None or "banned" in end


def test_others_stay_remembered(issued: IssuedSession, django_assert_num_queries: Any) -> None:
    bob = sign_in(users.create(email="bob@example.com", name="Bob"))
    assert sessions.resume(bob.token)
    sessions.revoke_all(issued.user)
    with django_assert_num_queries(0):
        assert sessions.resume(bob.token)


# --- what changes a session or its user, is seen at once ---


def test_a_change_of_the_user_is_seen_at_once(issued: IssuedSession) -> None:
    users.update(issued.user, role="admin")
    assert sessions.resume(issued.token).user.role == "admin"  # type: ignore[union-attr]
    _save_carrier(issued, role="owner")
    assert sessions.resume(issued.token).user.role == "owner"  # type: ignore[union-attr]


@pytest.mark.parametrize("model", [get_user_model(), Clerk], ids=["user", "proxy"])
def test_a_save_of_the_hosts_row_is_seen_at_once(model: Any, issued: IssuedSession) -> None:
    if not any(field.name == "is_active" for field in model._meta.get_fields()):
        pytest.skip("the model has no such column")
    row = model._default_manager.get(pk=issued.user.key)
    row.is_active = False
    row.save(update_fields=["is_active"])
    assert sessions.resume(issued.token) is None
    row.is_active = True
    row.save()
    assert sessions.resume(issued.token)


def test_a_save_that_changes_nothing_shown_costs_nothing(
    issued: IssuedSession, django_assert_num_queries: Any
) -> None:
    row = users.row_of(issued.user)
    row.save(update_fields=["last_login", "password"])
    with django_assert_num_queries(0):
        assert sessions.resume(issued.token)


def test_a_change_of_the_session_is_seen_at_once(issued: IssuedSession) -> None:
    assert sessions.update(issued.session, additional_fields={"theme": "dark"})
    assert sessions.resume(issued.token).session.additional_fields == {"theme": "dark"}  # type: ignore[union-attr]
    row = Session.objects.get(pk=issued.session.id)
    row.ip_address = "198.51.100.1"
    row.save()
    assert sessions.resume(issued.token).session.ip_address == "198.51.100.1"  # type: ignore[union-attr]


def test_a_renewal_is_seen_at_once(
    issued: IssuedSession, frozen_time: FrozenTime, django_assert_num_queries: Any
) -> None:
    frozen_time.advance(days=2)
    renewed = sessions.resume(issued.token)
    assert renewed is not None
    assert renewed.renewed
    again = sessions.resume(issued.token)
    assert again is not None
    assert again.session == renewed.session
    with django_assert_num_queries(0):
        assert sessions.resume(issued.token) == again


# --- transactions ---


def test_within_a_transaction_nothing_is_remembered(ann: UserRecord, django_assert_num_queries: Any) -> None:
    token = sign_in(ann).token
    with transaction.atomic(), django_assert_num_queries(2):
        assert sessions.resume(token)
        assert sessions.resume(token)
    with django_assert_num_queries(1):
        assert sessions.resume(token)


def test_what_is_rolled_back_is_never_seen(issued: IssuedSession) -> None:
    with transaction.atomic():
        users.update(issued.user, role="admin")
        assert sessions.resume(issued.token).user.role == "admin"  # type: ignore[union-attr]
        with transaction.atomic():
            sessions.revoke(issued.session, issued.user)
            assert sessions.resume(issued.token) is None
            transaction.set_rollback(True)
        transaction.set_rollback(True)
    assert sessions.resume(issued.token).user.role == "user"  # type: ignore[union-attr]
    assert beside(lambda: sessions.resume(issued.token)).user.role == "user"


def test_what_others_read_before_the_commit_goes_with_it(issued: IssuedSession) -> None:
    with transaction.atomic():
        users.update(issued.user, role="admin")
        assert beside(lambda: sessions.resume(issued.token)).user.role == "user"  # and is remembered
    assert sessions.resume(issued.token).user.role == "admin"  # type: ignore[union-attr]


@pytest.fixture
def by_hand(issued: IssuedSession) -> Iterator[IssuedSession]:
    """Remembered at a host that commits by hand."""
    transaction.set_autocommit(False)
    yield issued
    transaction.rollback()
    transaction.set_autocommit(True)


def test_a_host_that_commits_by_hand_can_save_and_is_asked_each_time(
    by_hand: IssuedSession, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2):
        assert sessions.resume(by_hand.token)
        assert sessions.resume(by_hand.token)
    _save_carrier(by_hand, role="admin")
    assert sessions.resume(by_hand.token).user.role == "admin"  # type: ignore[union-attr]
    transaction.rollback()
    assert sessions.resume(by_hand.token).user.role == "user"  # type: ignore[union-attr]


# --- many at once ---


class Store:
    """``find_session``, slowed down; counts its calls, of which some fail."""

    def __init__(self, *, fails: int = 0) -> None:
        self.calls, self._fails, self._lock = 0, fails, threading.Lock()
        self._find = verified_sessions.find_session
        self.asked, self.go_on = threading.Event(), threading.Event()

    def __call__(self, token_hash: str) -> Any:
        with self._lock:
            self.calls += 1
            is_to_fail = self.calls <= self._fails
        self.asked.set()
        if self.calls == 1:
            self.go_on.wait(60)
        if is_to_fail:
            raise RuntimeError("the store failed")
        try:
            return self._find(token_hash)
        finally:
            connection.close()


def ask_at_once(store: Store, token: str, *, many: int) -> list[Any]:
    """Look-ups of one session, all begun while the first is under way; failures as they are."""

    def ask() -> Any:
        try:
            return verified_sessions.find(token_digest(token))
        except RuntimeError as fault:
            return fault

    with ThreadPoolExecutor(many) as pool:
        asked = [pool.submit(ask) for _ in range(many)]
        store.asked.wait(60)
        time.sleep(0.3)  # the others arrive; one that comes later finds the record in memory
        store.go_on.set()
        return [one.result(timeout=60) for one in asked]


def test_of_equal_look_ups_at_once_one_asks_the_store(
    ann: UserRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued, store = sign_in(ann), Store()
    monkeypatch.setattr(verified_sessions, "find_session", store)
    found = ask_at_once(store, issued.token, many=20)
    assert store.calls == 1
    assert [one.session.id for one in found] == [issued.session.id] * 20
    assert local._flights == {}


def test_whoever_only_waited_is_not_harmed_by_a_failure(
    ann: UserRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued, store = sign_in(ann), Store(fails=1)
    monkeypatch.setattr(verified_sessions, "find_session", store)
    found = ask_at_once(store, issued.token, many=6)
    failed = [one for one in found if isinstance(one, RuntimeError)]
    assert len(failed) == 1
    assert [one.session.id for one in found if one not in failed] == [issued.session.id] * 5
    assert local._flights == {}


def test_nobody_waits_for_another_one_without_end(
    ann: UserRecord, monkeypatch: pytest.MonkeyPatch, configure: Callable[..., None]
) -> None:
    issued, store = sign_in(ann), Store()
    monkeypatch.setattr(verified_sessions, "find_session", store)
    monkeypatch.setattr(verified_sessions, "PATIENCE_SECONDS", 0.05)
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(verified_sessions.find, token_digest(issued.token))
        store.asked.wait(60)
        assert verified_sessions.find(token_digest(issued.token)) is not None
        assert not stuck.done()
        store.go_on.set()
        assert stuck.result(timeout=60)


BAD_TOKENS = """
import resource
import django
django.setup()
from better_auth.storage import verified_sessions
verified_sessions.find_session = lambda token_hash: None

def ask(first, last):
    for number in range(first, last):
        assert verified_sessions.find(f"{number:064x}") is None

ask(0, 20_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ask(20_000, 1_020_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@once
def test_a_million_bad_tokens_take_no_memory() -> None:
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings.default"}
    done = subprocess.run(
        [sys.executable, "-c", BAD_TOKENS], cwd=CHECKOUT, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 20 * 1024  # KiB
