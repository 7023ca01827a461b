"""Somebody with a second factor, and what they hold."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from better_auth import clock
from better_auth.crypto.one_time_codes import Authenticator
from better_auth.storage.records import UserRecord
from tests.conftest import PASSWORD, ApiClient, FrozenTime

EMAIL = "ann@example.com"


def authenticator_of(uri: str) -> Authenticator:
    """The app that has read this URI."""
    told = {name: values[0] for name, values in parse_qs(urlsplit(uri).query).items()}
    key = base64.b32decode(told["secret"] + "=" * (-len(told["secret"]) % 8))
    return Authenticator(key, int(told["digits"]), int(told["period"]), told.get("algorithm", "SHA1"))


@dataclass
class Person:
    """``browser``: signed in. ``code``: what their app shows; each call is a period later."""

    user: UserRecord
    browser: ApiClient
    time: FrozenTime
    new_browser: Callable[..., ApiClient] = ApiClient
    app: Authenticator | None = None
    codes: list[str] = field(default_factory=list)

    def code(self) -> str:
        assert self.app is not None
        self.time.advance(seconds=self.app.period)
        return self.present_code()

    def present_code(self) -> str:
        assert self.app is not None
        return self.app.code(self.app.step_at(clock.timestamp()))

    def wrong_code(self) -> str:
        """Right at no time near."""
        assert self.app is not None
        near = {self.app.code(self.app.step_at(clock.timestamp()) + away) for away in range(-3, 4)}
        return next(code for code in (f"{number:06d}" for number in range(10)) if code not in near)

    def challenged(self, **more: Any) -> ApiClient:
        """Another browser, with the right password."""
        browser = self.new_browser()
        answer = browser.sign_in(self.user.email, **more)
        assert answer.json().get("twoFactorRedirect") is True, answer.content
        return browser

    def enable(self, **more: Any) -> Any:
        answer = self.browser.api("POST", "/two-factor/enable", {"password": PASSWORD, **more})
        shown = answer.json()
        if "totpURI" in shown:
            self.app, self.codes = authenticator_of(shown["totpURI"]), shown["backupCodes"]
        return answer

    def post(self, path: str, **body: Any) -> Any:
        return self.browser.api("POST", f"/two-factor/{path}", body)


@pytest.fixture
def ann(browser: ApiClient, make_user: Callable[..., UserRecord], frozen_time: FrozenTime) -> Person:
    """Signed in, without a second factor."""
    user = make_user(EMAIL)
    browser.sign_in(EMAIL)
    return Person(user, browser, frozen_time)


@pytest.fixture
def enrolled(ann: Person) -> Person:
    assert ann.enable().status_code == 200
    assert ann.post("verify-totp", code=ann.code()).status_code == 200
    return ann
