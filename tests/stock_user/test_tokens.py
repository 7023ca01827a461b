"""Tokens speak of a host's user by the id on the wire, and give the host its own row back."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework_simplejwt import authentication

from better_auth import access_tokens, users
from better_auth.authentication.credentials import Credentials
from better_auth.authentication.pipeline import authenticate
from better_auth.models import UserProfile
from better_auth.simplejwt import AccessToken
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(browser: ApiClient) -> Any:
    browser.sign_up()
    UserProfile.objects.update(public_id="a-wire-id")
    return User.objects.get()


def tokens_of(browser: ApiClient) -> list[str]:
    given = browser.api("POST", "/token", {"format": "opaque"}).json()
    return [
        browser.api("GET", "/token").json()["token"],
        browser.api("POST", "/token", {"refresh_token": given["refresh_token"]}).json()["access_token"],
        given["access_token"],
    ]


def test_the_subject_is_the_id_on_the_wire(browser: ApiClient, ann: Any) -> None:
    claims = access_tokens.verify_jwt(tokens_of(browser)[0])
    assert claims is not None
    assert (claims["sub"], claims["id"]) == ("a-wire-id", "a-wire-id")


def test_each_gives_the_hosts_row(browser: ApiClient, ann: Any) -> None:
    for token in tokens_of(browser):
        principal = authenticate(Credentials(bearer=token))
        assert principal is not None
        assert users.row_of(principal.user) == ann


def test_a_user_whom_the_host_switches_off_is_out(browser: ApiClient, ann: Any) -> None:
    tokens = tokens_of(browser)
    ann.is_active = False
    ann.save()
    for token in tokens:
        with pytest.raises(Exception, match="Unauthorized"):
            authenticate(Credentials(bearer=token))


def test_simplejwt_finds_the_row(ann: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication.api_settings, "AUTH_TOKEN_CLASSES", (AccessToken,))
    door = authentication.JWTAuthentication()
    token = door.get_validated_token(str(AccessToken.for_user(ann)).encode())
    assert token["sub"] == "a-wire-id"
    assert door.get_user(token) == ann
