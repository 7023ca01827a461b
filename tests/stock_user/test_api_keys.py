"""API keys belong to a host's user by the id on the wire, and give the host its own row back."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from apikeys.models import ApiKey
from better_auth import users
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.pipeline import authenticate
from better_auth.models import UserProfile
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(browser: ApiClient) -> Any:
    browser.sign_up()
    UserProfile.objects.update(public_id="a-wire-id")
    return User.objects.get()


def test_a_key_gives_the_hosts_row(browser: ApiClient, ann: Any) -> None:
    made = browser.api("POST", "/api-key/create", {"name": "deploy"}).json()
    assert made["referenceId"] == "a-wire-id"
    principal = authenticate(Credentials(api_key=made["key"]))
    assert principal is not None
    assert users.row_of(principal.user) == ann
    session = ApiClient(headers={"x-api-key": made["key"]}).session()
    assert session["user"]["id"] == session["session"]["userId"] == "a-wire-id"


def test_a_user_whom_the_host_switches_off_is_out(browser: ApiClient, ann: Any) -> None:
    key = browser.api("POST", "/api-key/create", {}).json()["key"]
    ann.is_active = False
    ann.save()
    with pytest.raises(InvalidCredentials):
        authenticate(Credentials(api_key=key))


def test_keys_go_with_the_user(browser: ApiClient, ann: Any) -> None:
    browser.api("POST", "/api-key/create", {})
    assert browser.api("POST", "/delete-user", {}).status_code == 200
    assert not ApiKey.objects.exists()
