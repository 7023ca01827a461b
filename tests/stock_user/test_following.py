"""Users whom the host makes, changes and deletes: their profiles follow, their saves never fail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core import serializers
from django.core.management import call_command
from django.db import connection, transaction

from better_auth import users
from better_auth.models import Account, Session, UserProfile
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db
HostUser = Callable[..., Any]
PASSWORD = "correct horse battery"


def new(username: str, email: str = "") -> User:
    return User.objects.create_user(username, email, PASSWORD)


def profile(user: User) -> UserProfile:
    return UserProfile.objects.get(pk=user.pk)


def test_a_user_made_by_the_host_signs_in_here(browser: ApiClient) -> None:
    user = new("ann", "Ann@Example.com")
    assert browser.sign_in().status_code == 200
    assert browser.session()["user"]["id"] == str(user.pk)
    assert browser.api("GET", "/list-accounts").json()[0]["accountId"] == str(user.pk)


def test_a_changed_address_is_followed_and_no_longer_verified(browser: ApiClient) -> None:
    user = new("ann", "ann@example.com")
    UserProfile.objects.update(email_verified=True)
    user.email = "New@Example.com"
    user.save()
    assert (profile(user).email, profile(user).email_verified) == ("new@example.com", False)
    assert browser.sign_in("new@example.com").status_code == 200


def test_an_address_in_another_spelling_stays_verified() -> None:
    user = new("ann", "ann@example.com")
    UserProfile.objects.update(email_verified=True)
    user.email = " ANN@example.com"
    user.save()
    assert profile(user).email_verified


def test_a_save_of_something_else_changes_nothing() -> None:
    user = new("ann", "ann@example.com")
    before = UserProfile.objects.values().get()
    user.first_name = "Ann"
    user.save()
    user.email = "not saved"
    user.save(update_fields=["first_name"])
    assert UserProfile.objects.values().get() == before


def test_a_clash_leaves_the_address_out_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    ann, bob = new("ann", "ann@example.com"), new("bob", "bob@example.com")
    with caplog.at_level(logging.WARNING, "better_auth"):
        bob.email = "ANN@example.com"
        bob.save()
    assert profile(ann).email == "ann@example.com"
    assert profile(bob).email is None
    assert f"user {bob.pk} has an address that is another user's" in caplog.text
    assert "example.com" not in caplog.text


def test_a_removed_address_is_removed_here() -> None:
    user = new("ann", "ann@example.com")
    user.email = ""
    user.save()
    assert profile(user).email is None


def test_the_one_who_is_left_gets_the_address_at_the_next_save(host_user: HostUser) -> None:
    first, second = host_user("first", "ann@example.com"), host_user("second", "ann@example.com")
    call_command("adopt_users", verbosity=0)
    first.save()
    assert profile(first).email is None
    second.email = "second@example.com"
    second.save()
    first.save()
    assert (profile(first).email, profile(second).email) == ("ann@example.com", "second@example.com")


def test_a_proxy_of_the_user_model_is_followed_too() -> None:
    class Customer(User):
        class Meta:
            proxy = True
            app_label = "auth"

    user = Customer.objects.create(username="ann", email="ann@example.com")
    assert profile(user).email == "ann@example.com"


def test_a_fixture_is_loaded_as_it_is() -> None:
    user = new("ann", "ann@example.com")
    fixture = serializers.serialize("json", [user])
    user.delete()
    for row in serializers.deserialize("json", fixture):
        row.save()
    assert not UserProfile.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("within", [True, False], ids=["in a transaction", "without one"])
def test_the_hosts_save_stands_whatever_goes_wrong(within: bool, caplog: pytest.LogCaptureFixture) -> None:
    """As before ``migrate``: our table is not there."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE better_auth_user_profiles RENAME TO elsewhere")
    try:
        if within:
            with transaction.atomic():
                user = new("ann", "ann@example.com")
                User.objects.filter(pk=user.pk).update(first_name="Ann")
        else:
            user = new("ann", "ann@example.com")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO better_auth_user_profiles")
    assert User.objects.get().username == "ann"
    assert f"user {user.pk} was saved, but not their profile" in caplog.text
    assert "example.com" not in caplog.text
    call_command("adopt_users", verbosity=0)
    assert profile(user).email == "ann@example.com"


def test_deleting_the_hosts_user_deletes_what_is_ours(browser: ApiClient) -> None:
    user = new("ann", "ann@example.com")
    browser.sign_in()
    user.delete()
    assert browser.session() is None
    assert not any(model.objects.exists() for model in (UserProfile, Account, Session))


def test_an_address_changed_here_reaches_the_host() -> None:
    user = new("ann", "ann@example.com")
    record = users.find_by_email("ann@example.com")
    assert record is not None
    users.update(record, email="New@example.com", email_verified=True)
    user.refresh_from_db()
    assert user.email == "new@example.com"
    user.save()
    assert profile(user).email_verified


def test_django_signs_in_everybody(browser: ApiClient) -> None:
    new("ann", "ann@example.com")
    browser.sign_up("bob@example.com")
    assert authenticate(username="ann", password=PASSWORD) is not None
    assert authenticate(username="bob@example.com", password=PASSWORD) is not None
