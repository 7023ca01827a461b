"""Signing up writes a row that the host's own model accepts, and takes nobody's place."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.signals import post_save

from better_auth import accounts, passwords, users
from better_auth.models import Account, UserProfile
from tests.conftest import PASSWORD, ApiClient

pytestmark = pytest.mark.django_db
HostUser = Callable[..., Any]
LONG = "a" * 64 + "@" + ".".join(["b" * 60] * 3) + ".com"


@pytest.mark.parametrize(
    ("email", "username"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann+Lists@Example.com", "ann+lists@example.com"),
        ("o'neil@example.com", "o-neil@example.com"),
        (LONG, LONG[:150]),
    ],
)
def test_the_user_name_is_one_that_django_accepts(browser: ApiClient, email: str, username: str) -> None:
    assert browser.sign_up(email).status_code == 200
    user = User.objects.get()
    assert (user.username, user.email) == (username, email.lower())
    user.full_clean()


def test_a_user_name_that_is_taken_gets_a_tail(browser: ApiClient) -> None:
    User.objects.create_user("ann@example.com", "somebody.else@example.com")
    assert browser.sign_up().status_code == 200
    user = User.objects.get(email="ann@example.com")
    assert user.username.startswith("ann@example.com-")
    user.full_clean()


def test_long_addresses_that_begin_alike_get_different_names(new_browser: Callable[[], ApiClient]) -> None:
    for ending in ("com", "org", "net"):
        assert new_browser().sign_up(LONG.removesuffix("com") + ending).status_code == 200
    for user in User.objects.all():
        user.full_clean()
    assert User.objects.count() == UserProfile.objects.count() == 3


def test_an_address_longer_than_the_hosts_column_is_refused(browser: ApiClient) -> None:
    answer = browser.sign_up("a" * 60 + "@" + ".".join(["b" * 60] * 4) + ".com")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_EMAIL")
    assert not User.objects.exists()


@pytest.mark.parametrize("spelling", ["ann@example.com", " ANN@Example.com "])
def test_an_address_of_a_user_without_a_profile_is_taken(
    host_user: HostUser, browser: ApiClient, spelling: str
) -> None:
    host_user("ann", spelling)
    assert browser.sign_up().json()["code"] == "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"
    assert User.objects.count() == 1


def test_no_change_of_address_to_one_that_the_host_knows(host_user: HostUser, browser: ApiClient) -> None:
    host_user("bob", "bob@example.com")
    browser.sign_up()
    record = users.find_by_email("ann@example.com")
    assert record is not None
    with pytest.raises(users.EmailTaken):
        users.update(record, email="bob@example.com")


def test_a_hash_too_long_for_the_hosts_column_stands_in_the_account(browser: ApiClient) -> None:
    encoded = make_password(PASSWORD, hasher="better_auth_scrypt")
    assert len(encoded) > 128
    user = users.create(email="ann@example.com", name="Ann", encoded_password=encoded)
    accounts.ensure_credential(user)
    assert Account.objects.get().password == encoded
    assert not User.objects.get().has_usable_password()
    assert browser.sign_in().status_code == 200
    assert passwords.verify(PASSWORD, user)


def test_a_receiver_of_the_host_that_saves_again_is_no_obstacle(browser: ApiClient) -> None:
    def welcome(instance: User, created: bool, **kwargs: Any) -> None:
        if created:
            again = User.objects.get(pk=instance.pk)
            again.first_name = "Ann"
            again.save()

    post_save.connect(welcome, sender=User)
    try:
        assert browser.sign_up().status_code == 200
    finally:
        post_save.disconnect(welcome, sender=User)
    assert User.objects.get().first_name == "Ann"
    assert UserProfile.objects.get().email == "ann@example.com"


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """The results of calls that begin together, each with a connection of its own."""
    start, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(index: int, call: Callable[[], Any]) -> None:
        start.wait()
        try:
            results[index] = call()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index, call)) for index, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
def test_two_who_want_one_address_at_once_make_one_user() -> None:
    answers = at_once(*[lambda: ApiClient().sign_up("o'neil@example.com").status_code] * 4)
    assert sorted(answers) == [200, 422, 422, 422]
    assert User.objects.count() == UserProfile.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_would_get_one_user_name_at_once_get_two() -> None:
    endings = ("com", "org", "net", "info")
    calls = [
        lambda ending=one: ApiClient().sign_up(LONG.removesuffix("com") + ending).status_code
        for one in endings
    ]
    assert at_once(*calls) == [200] * 4
    assert User.objects.values("username").distinct().count() == UserProfile.objects.count() == 4
