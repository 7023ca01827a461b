"""``/list-accounts`` and ``/unlink-account`` (core.md, section 6)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from better_auth import accounts, passwords
from better_auth.models import Account
from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient, FrozenTime
from tests.protocol import ISO_DATE, answered, invalid, refusal

pytestmark = pytest.mark.django_db
OK = (200, {"status": True})


@pytest.fixture
def ann(browser: ApiClient, frozen_time: FrozenTime, make_user: Callable[..., UserRecord]) -> UserRecord:
    """Ann, signed in in ``browser``."""
    user = make_user()
    browser.sign_in()
    return user


def link(user: UserRecord, **columns: Any) -> Account:
    values = {"provider_id": "google", "account_id": "subject-1", "access_token": "secret-1", **columns}
    return Account.objects.create(user_id=user.key, **values)


def unlink(browser: ApiClient, account_id: Any) -> Any:
    return browser.api("POST", "/unlink-account", {"accountId": account_id})


def test_list_shows_every_way_to_sign_in_without_secrets(browser: ApiClient, ann: UserRecord) -> None:
    google = link(
        ann, scope="openid,email", refresh_token="secret-2", id_token="secret-3", password="secret-4"
    )
    response = browser.api("GET", "/list-accounts")
    credential, linked = sorted(response.json(), key=lambda one: str(one["providerId"]))
    assert {name: credential[name] for name in ("accountId", "providerId", "userId", "scopes")} == {
        "accountId": ann.id,
        "providerId": "credential",
        "userId": ann.id,
        "scopes": [],
    }
    assert linked["id"] == google.pk
    assert (linked["accountId"], linked["scopes"]) == ("subject-1", ["openid", "email"])
    for one in (credential, linked):
        assert set(one) == {"id", "accountId", "providerId", "userId", "createdAt", "updatedAt", "scopes"}
        assert ISO_DATE.fullmatch(one["createdAt"])
    assert "secret" not in response.content.decode()


def test_list_shows_nobody_elses(
    browser: ApiClient, ann: UserRecord, make_user: Callable[..., UserRecord]
) -> None:
    link(make_user("bob@example.com"))
    assert [one["providerId"] for one in browser.api("GET", "/list-accounts").json()] == ["credential"]


def test_list_needs_a_session(browser: ApiClient) -> None:
    assert answered(browser.api("GET", "/list-accounts")) == (401, refusal("UNAUTHORIZED"))


def test_an_account_can_be_unlinked(browser: ApiClient, ann: UserRecord) -> None:
    google = link(ann)
    assert answered(unlink(browser, google.pk)) == OK
    assert [account.provider_id for account in accounts.list_for(ann)] == ["credential"]
    assert browser.sign_in().status_code == 200


def test_without_the_credential_account_the_password_is_gone(browser: ApiClient, ann: UserRecord) -> None:
    link(ann)
    credential = Account.objects.get(provider_id="credential")
    assert answered(unlink(browser, credential.pk)) == OK
    assert not passwords.has_password(ann)
    assert browser.sign_in().status_code == 401


def test_the_last_account_stays(browser: ApiClient, ann: UserRecord, configure: Callable[..., None]) -> None:
    credential = Account.objects.get()
    expected = (400, refusal("FAILED_TO_UNLINK_LAST_ACCOUNT"))
    assert answered(unlink(browser, credential.pk)) == expected
    assert answered(unlink(browser, "unknown")) == expected
    configure(ACCOUNT={"ALLOW_UNLINKING_ALL": True})
    assert answered(unlink(browser, "unknown")) == (400, refusal("ACCOUNT_NOT_FOUND"))
    assert answered(unlink(browser, credential.pk)) == OK
    assert accounts.list_for(ann) == []


def test_only_ones_own_row_id_names_an_account(
    browser: ApiClient, ann: UserRecord, make_user: Callable[..., UserRecord]
) -> None:
    google = link(ann)
    bobs = link(make_user("bob@example.com"), account_id="subject-2")
    for account_id in (bobs.pk, google.account_id, "google", "", "x" * 5000):
        assert answered(unlink(browser, account_id)) == (400, refusal("ACCOUNT_NOT_FOUND"))
    assert Account.objects.count() == 4


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "[body.accountId] Invalid input: expected string, received undefined"),
        ({"providerId": "google"}, "[body.accountId] Invalid input: expected string, received undefined"),
        ({"accountId": 5}, "[body.accountId] Invalid input: expected string, received number"),
    ],
)
@pytest.mark.usefixtures("ann")
def test_bad_body_is_refused(browser: ApiClient, body: dict[str, Any], problem: str) -> None:
    assert answered(browser.api("POST", "/unlink-account", body)) == (400, invalid(problem))


def test_unlinking_needs_a_fresh_sign_in(
    browser: ApiClient, ann: UserRecord, frozen_time: FrozenTime
) -> None:
    google = link(ann)
    frozen_time.advance(days=1)
    assert answered(unlink(browser, google.pk)) == (403, refusal("SESSION_NOT_FRESH"))
    browser.sign_in()
    assert answered(unlink(browser, google.pk)) == OK


def test_unlinking_needs_a_session(browser: ApiClient) -> None:
    assert answered(unlink(browser, "x")) == (401, refusal("UNAUTHORIZED"))


@pytest.mark.django_db(transaction=True)
def test_two_at_once_leave_one_account(make_user: Callable[..., UserRecord]) -> None:
    ann = make_user()
    link(ann)
    answers: list[tuple[int, Any]] = []
    start = threading.Barrier(2)
    token = ApiClient().sign_in().json()["token"]

    def take_away(account_id: str) -> None:
        try:
            start.wait(timeout=90)
            one = ApiClient(headers={"authorization": f"Bearer {token}"})
            answers.append(answered(unlink(one, account_id)))
        finally:
            connection.close()

    threads = [threading.Thread(target=take_away, args=(row.pk,)) for row in Account.objects.all()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
    assert sorted(answers, key=lambda answer: answer[0]) == [
        OK,
        (400, refusal("FAILED_TO_UNLINK_LAST_ACCOUNT")),
    ]
    assert Account.objects.count() == 1
