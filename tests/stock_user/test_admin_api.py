"""The admin API beside a user model of the host's: ids are the host's keys, so nobody chooses one of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from better_auth import users
from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db


def test_an_id_is_not_one_that_the_host_may_give_to_somebody(make_user: Callable[..., UserRecord]) -> None:
    """Else the next sign-up would find its own taken, and fail for good."""
    key = make_user("admin@example.com", role="admin").key
    admin = ApiClient()
    admin.sign_in("admin@example.com")
    body = {"email": "new@example.com", "name": "N"}
    for chosen in (key, key + 1, f"0{key + 1}"):
        response = admin.api("POST", "/admin/create-user", {**body, "data": {"id": str(chosen)}})
        assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")
    assert users.find_by_email("new@example.com") is None
    assert ApiClient().sign_up("bob@example.com").status_code == 200
    assert admin.api("POST", "/admin/create-user", {**body, "data": {"id": "theirs"}}).status_code == 200
