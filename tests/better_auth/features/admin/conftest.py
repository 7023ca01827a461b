"""An administrator and some others, each in a browser of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth.models import AuditEntry
from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient


class AdminClient(ApiClient):
    """A browser in which somebody is signed in: ``user`` as the server shows them."""

    user: dict[str, Any]

    def admin(self, path: str, body: Any = None, **query: Any) -> Any:
        """A call of the admin API: POST with a body, else GET."""
        if body is None:
            return self.api("GET", f"/admin/{path}", data=query)
        return self.api("POST", f"/admin/{path}", body)


@pytest.fixture
def enter(make_user: Callable[..., UserRecord]) -> Callable[..., AdminClient]:
    """A new user, signed in."""

    def go(email: str, **columns: Any) -> AdminClient:
        make_user(email, **columns)
        browser = AdminClient()
        browser.user = browser.sign_in(email).json()["user"]
        return browser

    return go


@pytest.fixture
def admin(enter: Callable[..., AdminClient]) -> AdminClient:
    return enter("admin@example.com", name="Ada", role="admin")


@pytest.fixture
def ann(enter: Callable[..., AdminClient]) -> AdminClient:
    return enter("ann@example.com")


@pytest.fixture
def entries() -> Callable[..., list[AuditEntry]]:
    def find(event_type: str) -> list[AuditEntry]:
        return list(AuditEntry.objects.filter(event_type=event_type).order_by("id"))

    return find
