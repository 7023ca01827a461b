"""The idle time-out: a session that nobody used for a while ends, accurate to a minute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from better_auth.models import Session
from better_auth.storage import last_seen
from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient, FrozenTime
from tests.protocol import CLEARED, answered, set_cookies

# The writer thread must see the rows, as it does outside of tests.
pytestmark = pytest.mark.django_db(transaction=True)
MINUTES = 30


@pytest.fixture(autouse=True)
def _nothing_gathered() -> Iterator[None]:
    last_seen.flush()
    yield
    last_seen.flush()


@pytest.fixture
def signed_in(
    browser: ApiClient,
    make_user: Callable[..., UserRecord],
    frozen_time: FrozenTime,
    configure: Callable[..., None],
) -> ApiClient:
    configure(SESSION={"IDLE_TIMEOUT_MINUTES": MINUTES})
    make_user()
    browser.sign_in()
    return browser


def other_process() -> None:
    """Forget what only this process knows, after it was written."""
    last_seen.flush()


def test_an_idle_session_ends(signed_in: ApiClient, frozen_time: FrozenTime) -> None:
    frozen_time.advance(minutes=MINUTES + 1)
    response = signed_in.api("GET", "/get-session")
    assert (answered(response), set_cookies(response)) == ((200, "null"), CLEARED)
    assert not Session.objects.exists()


def test_a_session_that_is_just_not_idle_stays(signed_in: ApiClient, frozen_time: FrozenTime) -> None:
    frozen_time.advance(minutes=MINUTES)
    assert signed_in.session() is not None


@pytest.mark.parametrize("written", [False, True])
def test_use_keeps_a_session_alive(signed_in: ApiClient, frozen_time: FrozenTime, written: bool) -> None:
    for _ in range(5):
        frozen_time.advance(minutes=MINUTES - 1)
        assert signed_in.session() is not None
        if written:
            other_process()
    frozen_time.advance(minutes=MINUTES + 1)
    assert signed_in.session() is None


def test_use_of_any_endpoint_counts(signed_in: ApiClient, frozen_time: FrozenTime) -> None:
    frozen_time.advance(minutes=MINUTES - 1)
    assert signed_in.api("GET", "/list-accounts").status_code == 200
    other_process()
    frozen_time.advance(minutes=MINUTES - 1)
    assert signed_in.session() is not None


def test_use_is_written_behind(signed_in: ApiClient, frozen_time: FrozenTime) -> None:
    signed_in_at = frozen_time.now
    frozen_time.advance(minutes=5)
    assert signed_in.session() is not None
    row = Session.objects.get()
    assert (row.last_seen_at, last_seen.seen_here(row.id)) == (signed_in_at, frozen_time.now)
    last_seen.flush()
    row.refresh_from_db()
    assert (row.last_seen_at, last_seen.seen_here(row.id)) == (frozen_time.now, None)
    assert row.updated_at == signed_in_at


def test_an_older_sighting_never_replaces_a_newer_one(signed_in: ApiClient, frozen_time: FrozenTime) -> None:
    frozen_time.advance(minutes=5)
    signed_in.session()
    later = frozen_time.now.replace(year=frozen_time.now.year + 1)
    Session.objects.update(last_seen_at=later)
    last_seen.flush()
    assert Session.objects.get().last_seen_at == later


def test_use_within_seconds_is_not_worth_a_write(signed_in: ApiClient, frozen_time: FrozenTime) -> None:
    frozen_time.advance(seconds=last_seen.WORTH_WRITING_SECONDS - 1)
    signed_in.session()
    assert last_seen.seen_here(Session.objects.get().id) is None


def test_without_the_setting_nothing_is_noted(
    signed_in: ApiClient, frozen_time: FrozenTime, configure: Callable[..., None]
) -> None:
    configure(SESSION={"IDLE_TIMEOUT_MINUTES": None})
    frozen_time.advance(days=6)
    assert signed_in.session() is not None
    assert last_seen.seen_here(Session.objects.get().id) is None


@pytest.mark.parametrize("minutes", [1, 2, 30])
def test_use_that_is_answered_from_the_cookie_counts(
    signed_in: ApiClient, frozen_time: FrozenTime, configure: Callable[..., None], minutes: int
) -> None:
    configure(SESSION={"IDLE_TIMEOUT_MINUTES": minutes, "COOKIE_CACHE": {"ENABLED": True, "MAX_AGE": 300}})
    for _ in range(20):
        frozen_time.advance(seconds=45)
        assert signed_in.session() is not None
    frozen_time.advance(minutes=minutes + 1)
    assert signed_in.session() is None


def test_a_user_with_one_idle_session_keeps_the_other(
    signed_in: ApiClient, new_browser: Callable[..., ApiClient], frozen_time: FrozenTime
) -> None:
    frozen_time.advance(minutes=MINUTES - 1)
    elsewhere: Any = new_browser()
    elsewhere.sign_in()
    frozen_time.advance(minutes=2)
    assert signed_in.session() is None
    assert elsewhere.session() is not None
