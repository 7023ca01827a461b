"""Our JWTs at the door of djangorestframework-simplejwt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import orjson
import pytest
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIRequestFactory
from rest_framework_simplejwt import authentication, tokens
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError

from better_auth import access_tokens, clock, users
from better_auth.simplejwt import AccessToken
from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient, FrozenTime

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``SIMPLE_JWT["AUTH_TOKEN_CLASSES"]``, which is read at the start."""
    monkeypatch.setattr(authentication.api_settings, "AUTH_TOKEN_CLASSES", (AccessToken, tokens.AccessToken))


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


def user_of(token: str) -> Any:
    request = APIRequestFactory().get("/", headers={"authorization": f"Bearer {token}"})
    found = JWTAuthentication().authenticate(request)
    return found[0] if found else None


def test_a_token_of_our_endpoints_is_taken(browser: ApiClient, ann: UserRecord) -> None:
    browser.sign_in()
    for token in (
        browser.api("GET", "/token").json()["token"],
        browser.api("POST", "/token").json()["access_token"],
    ):
        assert user_of(token) == users.row_of(ann)


def test_old_tokens_of_the_host_are_taken_beside_it(ann: UserRecord) -> None:
    assert user_of(str(tokens.AccessToken.for_user(users.row_of(ann)))) == users.row_of(ann)


def test_a_token_that_is_made_here_is_one_of_ours(ann: UserRecord) -> None:
    token = AccessToken.for_user(users.row_of(ann))
    token["role"] = "user"
    claims = access_tokens.verify_jwt(str(token))
    assert claims is not None
    assert (claims["sub"], claims["role"]) == (ann.id, "user")
    assert claims["exp"] - claims["iat"] == 900
    assert set(claims) == {"iat", "exp", "jti", "sub", "iss", "aud", "role"}
    assert user_of(str(token)) == users.row_of(ann)


def test_who_is_out_is_out_here_too(ann: UserRecord) -> None:
    token = AccessToken.for_user(users.row_of(ann))
    text = str(token)
    users.update(ann, banned=True)
    with pytest.raises(AuthenticationFailed):
        user_of(text)
    with pytest.raises(TokenBackendError):
        str(token)
    users.delete(ann)
    with pytest.raises(AuthenticationFailed):
        user_of(text)


def test_signing_out_ends_the_token_of_a_session(browser: ApiClient, ann: UserRecord) -> None:
    browser.sign_in()
    token = browser.api("POST", "/token").json()["access_token"]
    browser.api("POST", "/sign-out", {})
    with pytest.raises(AuthenticationFailed):
        user_of(token)


def test_time_ends_it(ann: UserRecord, frozen_time: FrozenTime) -> None:
    text = str(AccessToken.for_user(users.row_of(ann)))
    frozen_time.advance(seconds=901)
    with pytest.raises(TokenError):
        AccessToken(text)


@pytest.mark.parametrize("audience", ["somebody else", ["a", "b"], None])
def test_a_token_for_somebody_else_is_refused(ann: UserRecord, audience: Any) -> None:
    now = clock.epoch_ms(clock.now()) // 1000
    claims = {"iat": now, "sub": ann.id, "exp": now + 60, "iss": access_tokens.issuer(), "aud": audience}
    with pytest.raises(TokenError):
        AccessToken(access_tokens.sign(orjson.dumps(claims)))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "x" * 65536, "." * 65536, b"\xff.\xff.\xff"])
def test_garbage_is_refused(db: None, token: Any) -> None:
    with pytest.raises(TokenError):
        AccessToken(token)


def test_reading_without_verifying_is_not_to_be_had(ann: UserRecord) -> None:
    forged = jwt.encode({"user_id": ann.key, "exp": 4_000_000_000}, "x" * 40, algorithm="HS256")
    with pytest.raises(TokenError):
        AccessToken(forged, verify=False)
