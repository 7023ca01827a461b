"""``scope["user"]``: selected when it is used, and no sooner (on an event loop: ``tests/websocket``)."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser

from better_auth import users
from better_auth.models import Session
from better_auth.storage.records import UserRecord
from better_auth.websocket.host_user import LazyHostUser, select_now

pytestmark = pytest.mark.django_db
Queries = Any


def lazy(user: UserRecord) -> LazyHostUser:
    return LazyHostUser(user, lambda select: pytest.fail("there is no event loop to wait"))


def test_its_primary_key_costs_no_query_and_all_else_one(
    make_user: Callable[..., UserRecord], django_assert_num_queries: Queries
) -> None:
    ann = make_user("ann@example.com")
    user = lazy(ann)
    with django_assert_num_queries(0):
        assert (user.pk, user.id) == (ann.key, ann.key)
        copied = copy.copy(user)
    with django_assert_num_queries(1):
        assert user.email == copied.email == "ann@example.com"
        assert user.is_authenticated
        assert isinstance(user, get_user_model())
        select_now(user)


def test_it_goes_into_queries_as_the_user_itself(make_user: Callable[..., UserRecord]) -> None:
    ann = make_user("ann@example.com")
    assert str(Session.objects.filter(user=lazy(ann)).query) == str(
        Session.objects.filter(user=users.find_row(ann)).query
    )


def test_whoever_was_deleted_since_is_nobody(make_user: Callable[..., UserRecord]) -> None:
    ann = make_user("ann@example.com")
    user = lazy(ann)
    users.find_row(ann).delete()
    assert not user.is_authenticated
    assert isinstance(user, AnonymousUser)
    assert user.pk is None


def test_on_an_event_loop_somebody_else_selects(make_user: Callable[..., UserRecord]) -> None:
    asked: list[Any] = []
    user = LazyHostUser(make_user("ann@example.com"), asked.append)

    async def ask() -> None:
        assert not user

    asyncio.run(ask())
    assert len(asked) == 1
