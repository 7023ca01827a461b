"""What a person does from sign-up to leaving, under whatever user model is in force.

``tests/test_migrations.py`` runs this file once for each of the settings modules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model
from django.test import Client

from better_auth import passwords, users
from better_auth.models import Account, AuditEntry, Session, UserProfile
from better_auth.storage.records import has_user_row
from tests.conftest import PASSWORD, ApiClient

STOCK = settings.AUTH_USER_MODEL == "auth.User"
NEW_PASSWORD = "another horse battery"

pytestmark = pytest.mark.django_db


def test_the_whole_journey(browser: ApiClient, new_browser: Callable[..., ApiClient]) -> None:
    made = browser.sign_up("Ann@Example.com")
    assert made.status_code == 200
    user = made.json()["user"]
    assert isinstance(user["id"], str)
    assert user["id"]
    assert user["email"] == "ann@example.com"

    seen = browser.session()
    assert seen["user"] == user
    assert seen["session"]["userId"] == user["id"]
    assert seen["session"]["token"] == made.json()["token"]

    assert browser.api("POST", "/update-user", {"name": "Ann B.", "image": "/ann.png"}).json() == {
        "status": True
    }
    changed = browser.session()["user"]
    assert (changed["name"], changed["image"]) == ("Ann B.", "/ann.png")

    body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    answer = browser.api("POST", "/change-password", body)
    assert answer.status_code == 200
    assert answer.json()["user"]["id"] == user["id"]

    phone = new_browser()
    refused = phone.sign_in(password=PASSWORD)
    assert refused.status_code == 401
    assert refused.json() == {"code": "INVALID_EMAIL_OR_PASSWORD", "message": "Invalid email or password"}
    assert phone.sign_in(password=NEW_PASSWORD).json()["user"]["id"] == user["id"]

    listed = browser.api("GET", "/list-sessions").json()
    assert [one["userId"] for one in listed] == [user["id"], user["id"]]
    (account,) = browser.api("GET", "/list-accounts").json()
    assert (account["providerId"], account["accountId"], account["userId"]) == (
        "credential",
        user["id"],
        user["id"],
    )

    assert phone.api("POST", "/sign-out", {}).json() == {"success": True}
    assert phone.session() is None
    assert len(browser.api("GET", "/list-sessions").json()) == 1

    gone = browser.api("POST", "/delete-user", {"password": NEW_PASSWORD})
    assert gone.json() == {"success": True, "message": "User deleted"}
    assert browser.session() is None
    assert users.find_by_id(user["id"]) is None
    rows = (get_user_model(), UserProfile, Session, Account)
    assert [model._default_manager.count() for model in rows] == [0, 0, 0, 0]
    assert set(AuditEntry.objects.values_list("subject_id", flat=True)) == {user["id"]}


def test_one_address_makes_one_user(browser: ApiClient, new_browser: Callable[..., ApiClient]) -> None:
    assert browser.sign_up("ann@example.com").status_code == 200
    refused = new_browser().sign_up("ANN@example.com")
    assert refused.status_code == 422
    assert refused.json()["code"] == "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"
    assert get_user_model()._default_manager.count() == 1


def test_our_columns_are_where_they_belong(browser: ApiClient) -> None:
    browser.sign_up()
    assert has_user_row() is not STOCK
    assert UserProfile.objects.count() == (1 if STOCK else 0)


def test_the_hosts_own_code_knows_the_password(browser: ApiClient) -> None:
    browser.sign_up()
    row = get_user_model()._default_manager.get()
    assert row.check_password(PASSWORD)
    assert authenticate(username=row.get_username(), password=PASSWORD) == row


def test_the_admin_site_shows_its_door() -> None:
    assert Client().get("/admin/login/").status_code == 200


@pytest.mark.skipif(not STOCK, reason="about users of a project that ran before")
class TestStockUsers:
    def test_rows_that_were_there_stay_as_they_are(self, browser: ApiClient) -> None:
        model = get_user_model()
        old = model._default_manager.create_user("old", email="Old@Example.com", password=PASSWORD)
        before = model._default_manager.filter(pk=old.pk).values().get()
        made = browser.sign_up("new@example.com").json()["user"]
        assert browser.api("POST", "/update-user", {"name": "New"}).status_code == 200
        assert browser.api("POST", "/delete-user", {"password": PASSWORD}).status_code == 200
        assert model._default_manager.filter(pk=old.pk).values().get() == before
        assert made["id"] != str(old.pk)

    def test_the_id_on_the_wire_is_text_and_the_key_stays_a_number(self, browser: ApiClient) -> None:
        made = browser.sign_up().json()["user"]
        profile = UserProfile.objects.get()
        assert isinstance(profile.pk, int)
        assert profile.public_id == str(profile.pk) == made["id"]

    def test_an_imported_id_is_kept(self, browser: ApiClient) -> None:
        self._make_with_id("usr_from_elsewhere")
        assert browser.sign_in("eve@example.com").json()["user"]["id"] == "usr_from_elsewhere"
        assert browser.session()["session"]["userId"] == "usr_from_elsewhere"

    def test_a_taken_user_name_is_no_hindrance(self, browser: ApiClient) -> None:
        get_user_model()._default_manager.create_user("ann@example.com")
        made: Any = browser.sign_up("ann@example.com")
        assert made.status_code == 200
        names = get_user_model()._default_manager.order_by("pk").values_list("username", flat=True)
        assert names[0] == "ann@example.com"
        assert names[1].startswith("ann@example.com-")

    def _make_with_id(self, public_id: str) -> None:
        encoded = passwords.hash_password(PASSWORD)
        users.create(id=public_id, email="eve@example.com", name="Eve", encoded_password=encoded)
