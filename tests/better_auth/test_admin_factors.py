"""The admin site: what somebody has beside their password, and an operator who takes it away.

Written for every way to have users; ``test_admin_hosts.py`` runs it on each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from better_auth import factors, users
from better_auth.models import AuditEntry, Session, TwoFactor
from better_auth.storage.records import UserRecord
from tests.better_auth.test_admin import act, clerk, issue, operator, the_user, user_list, user_page

__all__ = ["clerk", "operator"]

SECRET = "a secret that nobody may see"
REASON = "Lost her telephone, came to the desk with her passport"


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    user = users.update(make_user(), two_factor_enabled=True)
    factors.put(user, secret=SECRET, backup_codes=["abcde-fghij", "klmno-pqrst"], verified=True)
    issue(user, times=2)
    return user


def reset(client: Client, user: UserRecord, **more: Any) -> str:
    told = {"action": "reset_factors", "_selected_action": [user.key], **more}
    return client.post(user_list(), told, follow=True).content.decode()


def test_a_page_tells_what_there_is_and_no_secret(operator: Client, ann: UserRecord) -> None:
    shown = operator.get(user_page(ann)).content.decode()
    assert "Authenticator app since" in shown
    assert "2 backup codes left" in shown
    assert SECRET not in shown
    assert TwoFactor.objects.get().secret not in shown


def test_a_reset_wants_a_reason_and_leaves_nothing(
    operator: Client, ann: UserRecord, mails: Callable[[], list[Any]], django_capture_on_commit_callbacks: Any
) -> None:
    assert "it stands in the audit log" not in act(operator, user_list(), "reset_factors", ann.key)
    assert "it stands in the audit log" in reset(operator, ann, reason="  ")
    assert TwoFactor.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert "Reset the factors of 1 user" in reset(operator, ann, reason=REASON)
    assert not TwoFactor.objects.exists()
    assert not Session.objects.filter(user_id=ann.key).exists()
    assert not the_user(ann.email).two_factor_enabled
    entry = AuditEntry.objects.get(event_type="two_factor_removed")
    assert entry.subject_id == ann.id
    assert entry.actor_id == the_user("operator@example.com").id
    assert entry.details == {"reason": REASON, "removed": ["second factor"], "sessions": 2}
    assert [mail.subject for mail in mails()] == ["Your second factor was removed · Better Auth"]
    assert "Reset the factors of 0 users" in reset(operator, ann, reason=REASON)


def test_operators_are_not_reset_by_clerks_nor_by_themselves(
    operator: Client, clerk: Client, ann: UserRecord
) -> None:
    chief = the_user("operator@example.com")
    factors.put(chief, secret=SECRET, verified=True)
    assert "only a superuser may change" in reset(clerk, chief, reason=REASON)
    assert "another operator resets" in reset(operator, chief, reason=REASON)
    assert TwoFactor.objects.filter(user_id=chief.key).exists()
    assert "Reset the factors of 1 user" in reset(clerk, ann, reason=REASON)
