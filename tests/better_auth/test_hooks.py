"""The host's callables and signals, and what they may do to the action."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.signals import user_logged_in

from better_auth.errors import ErrorCode, Forbidden
from better_auth.models import AuditEntry, Session, User
from better_auth.signals import SignedIn, SignInFailed, committed, recorded
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db(transaction=True)
HERE = "tests.better_auth.test_hooks"
seen: list[tuple[str, dict[str, Any]]] = []


def note_before(**arguments: Any) -> None:
    seen.append(("before", arguments))


def note_after(**arguments: Any) -> None:
    seen.append(("after", arguments))


def refuse(**arguments: Any) -> None:
    raise Forbidden(ErrorCode.INVALID_USER, "Not you.")


def explode(**arguments: Any) -> None:
    raise RuntimeError("host code is broken")


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    seen.clear()
    yield
    seen.clear()


@pytest.mark.parametrize("action", ["sign_up", "sign_in", "session"])
def test_before_and_after_are_called(browser: ApiClient, configure: Callable[..., None], action: str) -> None:
    browser.sign_up()
    browser.api("POST", "/sign-out", {})
    hooks = {
        f"BEFORE_{action.upper()}": f"{HERE}.note_before",
        f"AFTER_{action.upper()}": f"{HERE}.note_after",
    }
    configure(HOOKS=hooks)
    answer = browser.sign_up("bob@example.com") if action == "sign_up" else browser.sign_in()
    assert answer.status_code == 200
    assert [name for name, _ in seen] == ["before", "after"]


@pytest.mark.parametrize("hook", ["BEFORE_SIGN_UP", "BEFORE_SIGN_IN", "BEFORE_SESSION"])
def test_a_refusal_before_leaves_nothing_behind(
    browser: ApiClient, configure: Callable[..., None], hook: str
) -> None:
    configure(HOOKS={hook: f"{HERE}.refuse"})
    answer = browser.sign_up()
    assert (answer.status_code, answer.json()) == (403, {"message": "Not you.", "code": "INVALID_USER"})
    assert User.objects.count() == Session.objects.count() == AuditEntry.objects.count() == 0


def test_a_broken_hook_after_changes_nothing(
    browser: ApiClient, configure: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    configure(HOOKS={"AFTER_SIGN_UP": f"{HERE}.explode", "AFTER_SIGN_IN": f"{HERE}.explode"})
    assert browser.sign_up().status_code == 200
    assert browser.session()["user"]["email"] == "ann@example.com"
    assert [record.message for record in caplog.records if "hook after_sign_up" in record.message]


def test_signals_tell_of_events_by_class(browser: ApiClient) -> None:
    heard: list[Any] = []

    def hear(*, event: Any, **kwargs: Any) -> None:
        heard.append(event)

    committed.connect(hear, sender=SignedIn)
    committed.connect(hear, sender=SignInFailed)
    try:
        browser.sign_up()
        browser.sign_in(password="wrong password")
    finally:
        committed.disconnect(hear, sender=SignedIn)
        committed.disconnect(hear, sender=SignInFailed)
    assert [type(event) for event in heard] == [SignedIn, SignInFailed]


def test_a_receiver_inside_the_transaction_can_take_it_back(browser: ApiClient) -> None:
    def object_(*, event: Any, **kwargs: Any) -> None:
        raise Forbidden(ErrorCode.INVALID_USER)

    recorded.connect(object_, sender=SignedIn)
    try:
        assert browser.sign_up().status_code == 403
    finally:
        recorded.disconnect(object_, sender=SignedIn)
    assert User.objects.count() == 0


def test_djangos_own_signal_is_sent(browser: ApiClient) -> None:
    heard: list[Any] = []

    def hear(sender: Any, user: Any, **kwargs: Any) -> None:
        heard.append(user.email)

    browser.sign_up()
    user_logged_in.connect(hear)
    try:
        browser.sign_in()
    finally:
        user_logged_in.disconnect(hear)
    assert heard == ["ann@example.com"]
    assert User.objects.get().last_login is not None
