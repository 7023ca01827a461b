"""Django's own sign-in, as the admin site uses it, keeps our rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from better_auth import users
from better_auth.models import AuditEntry
from better_auth.storage import counters
from better_auth.storage.records import UserRecord
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(make_user: Callable[..., UserRecord]) -> UserRecord:
    user = make_user("op@example.com", role="admin")
    get_user_model().objects.filter(pk=user.key).update(is_staff=True, is_superuser=True)
    return user


def log_in(password: str = PASSWORD, address: str = "127.0.0.1") -> tuple[Client, Any]:
    client = Client(REMOTE_ADDR=address)
    body = {"username": "op@example.com", "password": password, "next": "/admin/"}
    return client, client.post("/admin/login/?next=/admin/", body)


def test_an_operator_signs_in_and_it_is_audited(operator: UserRecord) -> None:
    client, answer = log_in()
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200
    entry = AuditEntry.objects.get(event_type="sign_in")
    assert (entry.success, entry.subject_id, entry.details) == (True, operator.id, {"door": "django"})


def test_a_wrong_password_is_audited_and_refused(operator: UserRecord) -> None:
    client, answer = log_in("wrong password")
    assert answer.status_code == 200
    assert client.get("/admin/").status_code == 302
    assert AuditEntry.objects.filter(event_type="sign_in", success=False).count() == 1


def test_a_ban_ends_the_operators_session(operator: UserRecord) -> None:
    client, _ = log_in()
    users.update(operator, banned=True)
    assert client.get("/admin/").status_code == 302
    again, _ = log_in()
    assert again.get("/admin/").status_code == 302


def test_guesses_at_the_admin_site_are_limited(operator: UserRecord, configure: Callable[..., None]) -> None:
    counters.reset()
    configure(RATE_LIMIT={"ENABLED": True})
    for n in range(5):
        log_in("wrong password", f"203.0.113.{n}")
    client, _ = log_in(PASSWORD, "203.0.113.99")
    assert client.get("/admin/").status_code == 302
