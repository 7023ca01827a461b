"""The statements that an action costs the database, BEGIN, SAVEPOINT and COMMIT included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth import signing_keys
from better_auth.storage import shared_sessions
from better_auth.storage.records import UserRecord
from better_auth.storage.subscription import subscription
from tests.conftest import ApiClient
from tests.server import wait_for

SIGN_UP = 14
SIGN_IN = 8
FAILED_SIGN_IN = 3
SIGN_OUT = 6

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _ann(make_user: Callable[..., UserRecord], browser: ApiClient) -> None:
    make_user("ann@example.com")
    browser.session()  # what is made once for each process is made
    signing_keys.signer()


def test_sign_up(browser: ApiClient, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(SIGN_UP):
        assert browser.sign_up("bob@example.com").status_code == 200


def test_sign_in(browser: ApiClient, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(SIGN_IN):
        assert browser.sign_in().status_code == 200


def test_failed_sign_in(browser: ApiClient, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(FAILED_SIGN_IN):
        assert browser.sign_in(password="another password").status_code == 401


def test_sign_out(browser: ApiClient, django_assert_max_num_queries: Any) -> None:
    browser.sign_in()
    with django_assert_max_num_queries(SIGN_OUT):
        assert browser.api("POST", "/sign-out", {}).status_code == 200


def test_reads_of_a_session(browser: ApiClient, django_assert_num_queries: Any) -> None:
    browser.sign_in()
    with django_assert_num_queries(1):  # the session with its user
        assert browser.session()["user"]["email"] == "ann@example.com"
    wait_for(lambda: shared_sessions.client() is None or subscription.is_live(), "the subscription")
    browser.session()
    with django_assert_num_queries(0):  # remembered
        assert browser.session()["user"]["email"] == "ann@example.com"
