"""The sign-in page of the admin site: a password alone opens it only to those who have nothing beside it.

Written for every way to have users; ``test_admin_hosts.py`` runs it on each.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from better_auth import clock, factors, users
from better_auth.models import AuditEntry
from better_auth.storage.records import UserRecord
from tests.better_auth.test_admin import OPERATOR, operator, the_user
from tests.conftest import FrozenTime

__all__ = ["operator"]

SECRET = "q7-the-key-of-an-authenticator-"
PASSWORD = "operator's own word"
LOGIN = "/admin/login/?next=/admin/"


@pytest.fixture
def person(operator: Client) -> UserRecord:
    """An operator, and a second factor that they set up in the application."""
    user = the_user(OPERATOR)
    row = users.row_of(user)
    row.set_password(PASSWORD)
    row.save()
    return user


@pytest.fixture
def with_app(person: UserRecord) -> UserRecord:
    person = users.update(person, two_factor_enabled=True)
    assert factors.put(person, secret=SECRET, backup_codes=["abcde-fghij"], verified=True)
    return person


def sign_in(**more: Any) -> tuple[bool, str]:
    """Whether the admin site is open then, and what the page says."""
    client = Client()
    answer = client.post(LOGIN, {"username": OPERATOR, "password": PASSWORD, **more})
    said = " ".join(re.findall(r'class="errornote">\s*(.*?)\s*</p>', answer.content.decode(), re.DOTALL))
    return client.get("/admin/").status_code == 200, said


def test_without_a_second_factor_the_password_is_enough(person: UserRecord) -> None:
    assert sign_in() == (True, "")


def test_the_password_alone_is_not_enough_for_who_has_one(with_app: UserRecord) -> None:
    is_open, said = sign_in()
    assert not is_open
    assert "authenticator app" in said


def test_a_code_of_the_app_opens_once(with_app: UserRecord, frozen_time: FrozenTime) -> None:
    app = factors.ensure(with_app).authenticator
    assert app is not None
    code = app.code(app.step_at(clock.timestamp()))
    assert sign_in(code=code) == (True, "")
    is_open, said = sign_in(code=code)
    assert not is_open
    assert "That code is wrong" in said


def test_a_backup_code_opens_once(with_app: UserRecord) -> None:
    assert sign_in(code="abcde-fghij") == (True, "")
    assert not sign_in(code="abcde-fghij")[0]


def test_wrong_codes_lock_and_are_recorded(with_app: UserRecord) -> None:
    for _ in range(10):
        assert not sign_in(code="000000")[0]
    assert not sign_in(code="abcde-fghij")[0]
    failed = AuditEntry.objects.filter(event_type="two_factor_failed", subject_id=with_app.id)
    assert failed.count() == 11
    assert "000000" not in str([entry.details for entry in failed])


def test_a_wrong_password_says_nothing_of_the_factor(with_app: UserRecord) -> None:
    is_open, said = sign_in(password="not the word", code="abcde-fghij")
    assert not is_open
    assert "code" not in said
    assert factors.count_backup_codes(factors.ensure(with_app)) == 1


def test_who_has_codes_by_mail_is_sent_one(
    person: UserRecord, mails: Callable[[], list[Any]], django_capture_on_commit_callbacks: Any
) -> None:
    users.update(person, two_factor_enabled=True)
    with django_capture_on_commit_callbacks(execute=True):
        is_open, said = sign_in()
    assert not is_open
    assert "on its way" in said
    code = re.search(r"\b\d{6}\b", mails()[-1].body)
    assert code
    assert sign_in(code=code[0]) == (True, "")


def test_a_role_that_needs_one_leads_to_the_application(person: UserRecord, settings: Any) -> None:
    settings.BETTER_AUTH = settings.BETTER_AUTH | {
        "TWO_FACTOR": {"REQUIRED_BY": ["tests.better_auth.test_admin_sign_in.always"]}
    }
    is_open, said = sign_in()
    assert not is_open
    assert "Set one up in the application" in said


def always(user: UserRecord) -> bool:
    return True
