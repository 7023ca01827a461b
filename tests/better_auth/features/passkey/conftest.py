"""People with passkeys, in browsers of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth.models import AuditEntry
from better_auth.storage.records import UserRecord
from tests.authenticator import Authenticator
from tests.conftest import ORIGIN, ApiClient

COOKIE = "better-auth.better-auth-passkey"


class PasskeyClient(ApiClient):
    """A browser that hands the server's options to an authenticator."""

    def register_options(self, **query: Any) -> Any:
        return self.api("GET", "/passkey/generate-register-options", data=query).json()

    def register(self, device: Authenticator, *, answer: Any = None, **body: Any) -> Any:
        if answer is None:
            answer = device.register(self.register_options())
        return self.api("POST", "/passkey/verify-registration", {"response": answer, **body})

    def request_options(self) -> Any:
        return self.api("GET", "/passkey/generate-authenticate-options").json()

    def enter(self, device: Authenticator, *, answer: Any = None) -> Any:
        if answer is None:
            answer = device.authenticate(self.request_options())
        return self.api("POST", "/passkey/verify-authentication", {"response": answer})

    def listed(self) -> Any:
        return self.api("GET", "/passkey/list-user-passkeys").json()


@pytest.fixture
def browser() -> PasskeyClient:
    return PasskeyClient()


@pytest.fixture
def new_browser() -> Callable[..., PasskeyClient]:
    return PasskeyClient


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(ORIGIN)


@pytest.fixture
def ann(browser: PasskeyClient, make_user: Callable[..., UserRecord]) -> UserRecord:
    """Ann, signed in in ``browser``."""
    user = make_user()
    browser.sign_in()
    return user


@pytest.fixture
def entries() -> Callable[..., list[AuditEntry]]:
    def find(event_type: str, *, success: bool) -> list[AuditEntry]:
        return list(AuditEntry.objects.filter(event_type=event_type, success=success).order_by("id"))

    return find
