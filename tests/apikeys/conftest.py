"""Fixtures for tests of API keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apikeys import refusals, usage
from apikeys.server_calls import create_api_key
from better_auth.storage.records import UserRecord


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    usage.forget()
    refusals.forget()


@pytest.fixture
def owner(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


@pytest.fixture
def make_key(owner: UserRecord) -> Callable[..., Any]:
    """A key of the owner's, without a limit of its own unless the test asks for one."""

    def make(**members: Any) -> dict[str, Any]:
        return create_api_key(user_id=owner.id, **{"rateLimitEnabled": False, **members})

    return make
