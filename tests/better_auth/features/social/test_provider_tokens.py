"""``/get-access-token``, ``/refresh-token`` and ``/account-info`` (core.md, section 6)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from better_auth.models import Account
from tests.better_auth.features.social.conftest import travel
from tests.conftest import ApiClient, FrozenTime
from tests.protocol import ISO_DATE, answered
from tests.scripted_provider import ScriptedProvider, answering, reply

pytestmark = pytest.mark.django_db


@pytest.fixture
def row_id(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None], frozen_time: FrozenTime
) -> str:
    """Of the account of whoever is signed in in ``browser``."""
    use_acme()
    acme.token_members["refresh_token"] = "refresh-1"
    travel(browser, acme)
    return str(Account.objects.get().pk)


def ask(browser: ApiClient, path: str, row_id: str) -> Any:
    return browser.api("POST", path, {"accountId": row_id})


def test_a_token_that_holds_is_given_out_as_it_is(
    browser: ApiClient, acme: ScriptedProvider, row_id: str
) -> None:
    body = ask(browser, "/get-access-token", row_id).json()
    assert body.keys() == {"accessToken", "accessTokenExpiresAt", "scopes", "idToken"}
    assert (body["accessToken"], body["scopes"]) == ("access-1", ["openid", "profile", "email"])
    assert ISO_DATE.fullmatch(body["accessTokenExpiresAt"])
    assert len(acme.called("/token")) == 1


def test_a_token_that_ends_is_refreshed_first(
    browser: ApiClient, acme: ScriptedProvider, row_id: str, frozen_time: FrozenTime
) -> None:
    frozen_time.advance(seconds=3594)
    acme.token_members = {"access_token": "access-2"}
    assert ask(browser, "/get-access-token", row_id).json()["accessToken"] == "access-1"
    frozen_time.advance(seconds=2)
    assert ask(browser, "/get-access-token", row_id).json()["accessToken"] == "access-2"
    call = acme.called("/token")[-1]
    assert (call["grant_type"], call["refresh_token"]) == ("refresh_token", "refresh-1")
    assert ask(browser, "/get-access-token", row_id).json()["accessToken"] == "access-2"
    assert len(acme.called("/token")) == 2


def test_refreshing_keeps_what_the_provider_does_not_replace(
    browser: ApiClient, acme: ScriptedProvider, row_id: str
) -> None:
    """core.md, section 6: "keeps the old refresh token" and "never changes stored scope"."""
    acme.token_members = {"access_token": "access-2", "scope": "less"}
    body = ask(browser, "/refresh-token", row_id).json()
    assert (body["accessToken"], body["refreshToken"]) == ("access-2", "refresh-1")
    assert (body["scope"], body["providerId"], body["accountId"]) == ("openid,profile,email", "acme", row_id)
    assert "refreshTokenExpiresAt" not in body
    acme.token_members = {"refresh_token": "refresh-2", "refresh_token_expires_in": 60}
    body = ask(browser, "/refresh-token", row_id).json()
    assert body["refreshToken"] == "refresh-2"
    assert ISO_DATE.fullmatch(body["refreshTokenExpiresAt"])


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/get-access-token", "FAILED_TO_GET_ACCESS_TOKEN"),
        ("/refresh-token", "FAILED_TO_REFRESH_ACCESS_TOKEN"),
    ],
)
@pytest.mark.parametrize(
    "trouble", [answering(400, {"error": "invalid_grant"}), answering(500, b""), answering(200, {})]
)
def test_a_provider_that_gives_no_token(
    browser: ApiClient,
    acme: ScriptedProvider,
    row_id: str,
    frozen_time: FrozenTime,
    path: str,
    code: str,
    trouble: Any,
) -> None:
    frozen_time.advance(seconds=4000)
    acme.replies["/token"] = trouble
    response = ask(browser, path, row_id)
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_without_a_refresh_token(browser: ApiClient, row_id: str) -> None:
    Account.objects.update(refresh_token=None)
    response = ask(browser, "/refresh-token", row_id)
    assert (response.status_code, response.json()["code"]) == (400, "REFRESH_TOKEN_NOT_FOUND")


def test_account_info_is_what_the_provider_says(
    browser: ApiClient, acme: ScriptedProvider, row_id: str
) -> None:
    response = browser.get("/api/auth/account-info", {"accountId": row_id})
    body = response.json()
    assert body["user"] == {
        "name": "Ann of the Provider",
        "email": "Ann@Example.com",
        "image": "https://pictures.example/ann.png",
        "emailVerified": True,
    }
    assert body["account"] == {"id": row_id, "providerId": "acme", "accountId": "subject-1"}
    assert body["data"]["sub"] == "subject-1"


def test_account_info_without_a_token(browser: ApiClient, row_id: str) -> None:
    Account.objects.update(access_token=None)
    response = browser.get("/api/auth/account-info", {"accountId": row_id})
    assert (response.status_code, response.json()["code"]) == (400, "ACCESS_TOKEN_NOT_FOUND")
    Account.objects.update(access_token="0" * 200)  # sealed under a key that nobody has
    assert browser.get("/api/auth/account-info", {"accountId": row_id}).status_code == 400


def test_account_info_of_a_provider_that_does_not_answer(
    browser: ApiClient, acme: ScriptedProvider, row_id: str
) -> None:
    Account.objects.update(id_token=None)
    response = browser.get("/api/auth/account-info", {"accountId": row_id})
    assert (response.status_code, response.json()["code"]) == (401, "FAILED_TO_GET_USER_INFO")


def test_tokens_of_passwords_there_are_none(browser: ApiClient, row_id: str) -> None:
    browser.sign_up(email="bob@example.com")
    account = browser.api("GET", "/list-accounts").json()[0]
    response = ask(browser, "/get-access-token", account["id"])
    assert answered(response) == (
        400,
        {"message": "Provider credential is not supported.", "code": "PROVIDER_NOT_SUPPORTED"},
    )


@pytest.mark.django_db(transaction=True)
def test_of_several_who_ask_at_once_one_refreshes(
    browser: ApiClient, acme: ScriptedProvider, row_id: str, frozen_time: FrozenTime
) -> None:
    """Many providers take a refresh token once, and end the whole grant at the second time."""
    frozen_time.advance(seconds=4000)
    seen: list[str] = []

    def once(handler: Any) -> None:
        seen.append("asked")
        time.sleep(0.2)
        fresh = {"access_token": "access-2", "refresh_token": "refresh-2", "expires_in": 3600}
        reply(
            handler, 200 if len(seen) == 1 else 400, fresh if len(seen) == 1 else {"error": "invalid_grant"}
        )

    acme.replies["/token"] = once
    tokens: list[str] = []

    def get() -> None:
        client = ApiClient()
        client.cookies = browser.cookies
        tokens.append(ask(client, "/get-access-token", row_id).json().get("accessToken", "none"))
        connection.close()

    threads = [threading.Thread(target=get) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tokens, len(seen)) == (["access-2"] * 4, 1)
