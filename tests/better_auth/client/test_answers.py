"""What the client makes of answers, whatever a server says, and that it needs no Django."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from better_auth.client import (
    AsyncAuthClient,
    AuthClient,
    AuthError,
    InvalidCredentials,
    NotSignedIn,
    ServerUnavailable,
    SignInChallenged,
    Tokens,
    TooManyRequests,
)

CHECKOUT = Path(__file__).resolve().parents[3]
SERVER = "https://auth.example.com"
GOOD = {
    "access_token": "secret-access",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "secret-next",
}


def told(status: int, body: Any = None, **headers: str) -> AuthClient:
    """A client of a server that answers so, in place of one that would have to be broken for it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content, headers=named))
    return AuthClient(SERVER, transport=transport)


def test_it_is_imported_without_django() -> None:
    code = (
        "import sys, better_auth.client;"
        "print([one for one in sys.modules if one.split('.')[0] in ('django', 'rest_framework')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, env={"PATH": ""}, capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (
            401,
            {"message": "no", "code": "INVALID_EMAIL_OR_PASSWORD"},
            InvalidCredentials,
            "INVALID_EMAIL_OR_PASSWORD",
        ),
        (403, {"message": "no", "code": "EMAIL_NOT_VERIFIED"}, InvalidCredentials, "EMAIL_NOT_VERIFIED"),
        (400, {"message": "no", "code": "INVALID_EMAIL"}, AuthError, "INVALID_EMAIL"),
        (404, b"", AuthError, ""),
        (200, {"twoFactorRedirect": True}, SignInChallenged, ""),
        (429, {"message": "slow down"}, TooManyRequests, ""),
        (
            500,
            {"message": "broken", "code": "INTERNAL_SERVER_ERROR"},
            ServerUnavailable,
            "INTERNAL_SERVER_ERROR",
        ),
        (503, b"<html>", ServerUnavailable, ""),
        (200, b"<html>", ServerUnavailable, ""),
        (200, b"[]", ServerUnavailable, ""),
        (301, b"", ServerUnavailable, ""),
    ],
)
def test_an_answer_that_is_no_success(status: int, body: Any, kind: type[AuthError], code: str) -> None:
    with told(status, body) as client, pytest.raises(AuthError) as refusal:
        client.sign_in("robot@example.com", "secret-password")
    assert type(refusal.value) is kind
    assert (refusal.value.status, refusal.value.code) == (status, code)
    assert client.tokens is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry_After": "7"}, 7.0), ({"X_Retry_After": "8"}, 8.0), ({}, 1.0), ({"Retry_After": "soon"}, 1.0)],
)
def test_when_to_come_again(headers: dict[str, str], seconds: float) -> None:
    for status, kind in ((429, TooManyRequests), (503, ServerUnavailable)):
        with told(status, {"message": "later"}, **headers) as client, pytest.raises(kind) as refusal:
            client.sign_in("robot@example.com", "secret-password")
        assert refusal.value.retry_after == seconds


def test_no_answer_is_neither_a_yes_nor_a_no() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("waited for secret-password", request=request)

    tokens = Tokens("secret-access", "secret-refresh")
    with AuthClient(SERVER, tokens=tokens, transport=httpx.MockTransport(fail)) as client:
        for ask in (
            client.refresh,
            client.sign_out,
            lambda: client.sign_in("a@example.com", "secret-password"),
        ):
            with pytest.raises(ServerUnavailable) as refusal:
                ask()
            assert "secret" not in str(refusal.value)
        assert client.tokens is tokens


def test_secrets_are_not_shown() -> None:
    with told(200, GOOD) as client:
        assert "secret" not in repr(client.sign_in("robot@example.com", "secret-password"))


def test_how_long_a_token_is_good_is_counted_from_now() -> None:
    before = time.time()
    with told(200, GOOD) as client:
        expires_at = client.sign_in("robot@example.com", "x").expires_at
    assert expires_at is not None
    assert before + 900 <= expires_at <= time.time() + 900


def test_a_token_without_a_refresh_token_is_used_to_its_end() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(401)

    changes: list[Tokens | None] = []
    token = Tokens("fixed", expires_at=0)
    transport = httpx.MockTransport(answer)
    with AuthClient(SERVER, tokens=token, on_change=changes.append, transport=transport) as client:
        assert client.request("GET", "https://api.example.com/").status_code == 401
        with pytest.raises(NotSignedIn):
            client.refresh()
        assert client.tokens is token
        client.sign_out()
    assert (seen, client.tokens, changes) == (["Bearer fixed"], None, [None])


def test_a_call_without_tokens_is_not_sent() -> None:
    with told(200) as client, pytest.raises(NotSignedIn):
        client.request("GET", "https://api.example.com/")


def test_a_body_that_is_a_stream_is_not_sent_twice() -> None:
    calls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(401)

    tokens = Tokens("old", "refresh")
    with AuthClient(SERVER, tokens=tokens, transport=httpx.MockTransport(answer)) as client:
        assert client.request("POST", "/upload", content=iter([b"a", b"b"])).status_code == 401
    assert calls == ["/upload"]


def test_the_other_kind_of_httpx_client_sends_nothing() -> None:
    """Rather than a call without its token."""
    client = AsyncAuthClient(SERVER, tokens=Tokens("secret"))
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with httpx.Client(transport=transport) as http, pytest.raises(TypeError):
        http.get("https://api.example.com/", auth=client.auth)
