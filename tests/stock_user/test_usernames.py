"""User names of the protocol stand in the profile, and codes sign in as on our own model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from better_auth.features.email_verification import codes
from better_auth.features.email_verification.codes import CodeKind
from better_auth.models import UserProfile
from tests.conftest import PASSWORD, ApiClient

pytestmark = pytest.mark.django_db


def test_they_are_chosen_taken_and_signed_in_by(
    browser: ApiClient, new_browser: Callable[..., ApiClient]
) -> None:
    assert browser.sign_up(username="Ann.L").json()["user"]["username"] == "ann.l"
    assert UserProfile.objects.get().username == "ann.l"
    assert User.objects.get().username == "ann@example.com"
    body = {"username": "ANN.L", "password": PASSWORD}
    assert new_browser().api("POST", "/sign-in/username", body).status_code == 200
    other = new_browser()
    taken = other.sign_up("bob@example.com", username="ann.l")
    assert taken.json()["code"] == "USERNAME_IS_ALREADY_TAKEN"
    assert not User.objects.filter(email="bob@example.com").exists()
    other.sign_up("bob@example.com")
    taken = other.api("POST", "/update-user", {"username": "ann.l"})
    assert taken.json()["code"] == "USERNAME_IS_ALREADY_TAKEN"


def test_a_code_signs_up_and_takes_an_unproven_account_over(
    browser: ApiClient, new_browser: Callable[..., ApiClient]
) -> None:
    def sign_in(email: str) -> ApiClient:
        one = new_browser()
        code = codes.create(CodeKind.SIGN_IN, email)
        assert one.api("POST", "/sign-in/email-otp", {"email": email, "otp": code}).status_code == 200
        return one

    assert sign_in("new@example.com").session()["user"]["emailVerified"] is True
    assert not User.objects.get(email="new@example.com").has_usable_password()
    browser.sign_up()
    owner = sign_in("ann@example.com")
    assert owner.session()["user"]["emailVerified"] is True
    assert (browser.session(), browser.sign_in().status_code) == (None, 401)
    assert not User.objects.get(email="ann@example.com").has_usable_password()
