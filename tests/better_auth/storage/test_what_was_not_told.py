"""What another process has ended, and this one has not heard of yet: the doors may be late, not wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet
from django.test import Client

from better_auth.models import Account, Session
from better_auth.storage import revocations, shared_sessions, verified_sessions
from better_auth.storage.records import UserRecord
from better_auth.storage.subscription import subscription
from tests.conftest import ApiClient
from tests.server import SESSION_COOKIE, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.host.urls")]


@pytest.fixture
def ann(make_user: Callable[..., UserRecord], browser: ApiClient) -> UserRecord:
    """Signed in, and remembered here."""
    wait_for(lambda: shared_sessions.client() is None or subscription.is_live(), "the subscription")
    ann = make_user()
    browser.sign_in()
    assert browser.session()["user"]["id"] == ann.id
    return ann


def delete_elsewhere(rows: QuerySet[Any]) -> None:
    """As another process does it: no signal of it comes here."""
    rows._raw_delete(DEFAULT_DB_ALIAS)


@pytest.mark.parametrize("path", ["/whoami", "/drf/open"])
def test_a_user_who_was_deleted_elsewhere_is_nobody_to_a_view(
    path: str, ann: UserRecord, browser: ApiClient
) -> None:
    for model in (Session, Account):
        delete_elsewhere(model._default_manager.filter(user_id=ann.key))
    delete_elsewhere(get_user_model()._default_manager.filter(pk=ann.key))
    host = Client(raise_request_exception=False)
    host.cookies[SESSION_COOKIE] = browser.cookies[SESSION_COOKIE].value
    answer = host.get(path)
    assert answer.status_code == 200
    assert answer.json()["user"] is None


def test_a_copy_in_a_cookie_is_no_younger_than_what_it_shows(
    ann: UserRecord,
    browser: ApiClient,
    new_browser: Callable[..., ApiClient],
    configure: Callable[..., None],
) -> None:
    configure(SESSION={"COOKIE_CACHE": {"ENABLED": True}})
    thief = new_browser()
    thief.cookies[SESSION_COOKIE] = browser.cookies[SESSION_COOKIE].value
    browser.session()
    remembered = Session.objects.get().token_hash
    # "Sign out everywhere" at another process, whose word is still on its way.
    revocations.mark_user(ann.id)
    delete_elsewhere(Session.objects.filter(user_id=ann.key))
    thief.session()
    verified_sessions.forget_session(remembered)  # now it is here
    assert thief.session() is None
