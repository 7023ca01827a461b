"""User names of the protocol stand in the profile; Django's own user name is another thing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

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
