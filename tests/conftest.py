"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client, TestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from apikeys import usage as key_usage
from better_auth import access_tokens, accounts, clock, passwords, signing_keys, users
from better_auth.conf.loading import merge
from better_auth.legacy_credentials import last_methods, usage
from better_auth.mail import outbox
from better_auth.storage import last_seen
from better_auth.storage.local_sessions import local
from better_auth.storage.records import UserRecord
from better_auth.storage.written_behind import WrittenBehind

# A busy machine is slow, not wrong.
hypothesis_settings.register_profile(
    "patient", hypothesis_settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("patient")

BASE = "/api/auth"
ORIGIN = "http://testserver"
PASSWORD = "correct horse battery"


class ApiClient(Client):
    """A browser on our own origin: keeps cookies, sends ``Origin``, speaks JSON."""

    commits = False

    def __init__(self, **defaults: Any) -> None:
        super().__init__(headers={"origin": ORIGIN, **defaults.pop("headers", {})}, **defaults)

    def api(self, method: str, path: str, body: Any = None, **extra: Any) -> Any:
        """A request below the base path; ``body`` is sent as JSON unless ``content_type`` is given."""
        if body is not None:
            extra.setdefault("content_type", "application/json")
            extra["data"] = body
        return self.generic_json(method, BASE + path, **extra)

    def generic_json(self, method: str, path: str, **extra: Any) -> Any:
        if method == "GET":
            return self.get(path, **extra)
        data = extra.pop("data", b"")
        content_type = extra.pop("content_type", "application/octet-stream")
        if content_type == "application/json" and not isinstance(data, bytes | str):
            data = self._encode_json(data, content_type)
        return self.generic(method, path, data, content_type=content_type if data else "", **extra)

    def sign_up(self, email: str = "ann@example.com", password: str = PASSWORD, **more: Any) -> Any:
        body = {"name": "Ann", "email": email, "password": password, **more}
        return self.api("POST", "/sign-up/email", body)

    def sign_in(self, email: str = "ann@example.com", password: str = PASSWORD, **more: Any) -> Any:
        return self.api("POST", "/sign-in/email", {"email": email, "password": password, **more})

    def session(self) -> Any:
        return self.api("GET", "/get-session").json()

    def request(self, **request: Any) -> Any:
        """As a browser does, forget a cookie that was expired."""
        with TestCase.captureOnCommitCallbacks(execute=True) if self.commits else nullcontext():
            response = super().request(**request)
        for name in [
            name for name, morsel in response.cookies.items() if "; Max-Age=0;" in morsel.OutputString()
        ]:
            self.cookies.pop(name, None)
        return response


@pytest.fixture
def browser() -> ApiClient:
    return ApiClient()


@pytest.fixture
def new_browser() -> Callable[..., ApiClient]:
    return ApiClient


@pytest.fixture
def commits(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a commit (mails, announcements) happens after each request, though the test rolls back.

    Much faster than ``django_db(transaction=True)``, which threads, and whatever depends on the order within
    one request, still need.
    """
    monkeypatch.setattr(ApiClient, "commits", True)


@pytest.fixture
def make_user(db: None) -> Callable[..., UserRecord]:
    """A user with a password and a credential account."""

    def make(email: str = "ann@example.com", password: str = PASSWORD, **columns: Any) -> UserRecord:
        user = users.create(
            email=email,
            name=columns.pop("name", "Ann"),
            encoded_password=passwords.hash_password(password),
            **columns,
        )
        accounts.ensure_credential(user)
        return user

    return make


class FrozenTime:
    """The clock, standing still until a test moves it."""

    def __init__(self) -> None:
        self.now = clock.now()

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def frozen_time(monkeypatch: pytest.MonkeyPatch) -> FrozenTime:
    time = FrozenTime()
    monkeypatch.setattr(clock, "now", time)
    monkeypatch.setattr(clock, "timestamp", lambda: time.now.timestamp())
    return time


@pytest.fixture
def configure(settings: Any) -> Callable[..., None]:
    """Change some of ``BETTER_AUTH``: ``configure(SESSION={"UPDATE_AGE": 0})``."""

    def change(**parts: Any) -> None:
        settings.BETTER_AUTH = merge(settings.BETTER_AUTH, parts)

    return change


@pytest.fixture
def mails(mailoutbox: list[Any]) -> Callable[[], list[Any]]:
    """The mails sent so far; waits for the sender thread, and first for what earlier tests left it."""
    outbox.wait()
    mailoutbox.clear()

    def sent() -> list[Any]:
        outbox.wait()
        return mailoutbox

    return sent


@pytest.fixture(autouse=True)
def _clear_cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # A thread would not see what a test has not committed.
    monkeypatch.setattr(signing_keys, "behind", signing_keys.run_safely)
    monkeypatch.setattr(WrittenBehind, "_ensure_writer", lambda behind: None)
    yield
    local.clear()
    last_methods.forget()
    usage.forget()
    signing_keys.forget()
    access_tokens.forget()
    key_usage.forget()
    last_seen.forget()
    if settings.CACHES["default"]["BACKEND"].endswith("LocMemCache"):
        cache.clear()
