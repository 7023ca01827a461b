"""``POST /update-user`` (core.md, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth import clock
from better_auth.storage.records import UserRecord
from tests import protocol
from tests.conftest import ApiClient, FrozenTime
from tests.protocol import answered, invalid, refusal, set_cookies

pytestmark = pytest.mark.django_db
NOTHING = {"message": "No fields to update"}


@pytest.fixture
def signed_in(browser: ApiClient, frozen_time: FrozenTime, make_user: Callable[..., UserRecord]) -> ApiClient:
    make_user(image="https://example.com/old.png")
    browser.sign_in()
    return browser


def update(browser: ApiClient, body: Any, **extra: Any) -> Any:
    return browser.api("POST", "/update-user", body, **extra)


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"name": "Anna"}, {"name": "Anna"}),
        ({"name": ""}, {"name": ""}),
        ({"name": "Zoë 😀"}, {"name": "Zoë 😀"}),
        ({"image": None}, {"image": None}),
        ({"image": ""}, {"image": ""}),
        (
            {"name": "B", "image": "data:image/png;base64,AAAA"},
            {"name": "B", "image": "data:image/png;base64,AAAA"},
        ),
        ({"name": "B", "emailVerified": True, "id": "x", "twoFactorEnabled": False}, {"name": "B"}),
        ({"name": "B", "email": "", "role": None}, {"name": "B"}),
    ],
)
def test_what_was_sent_is_changed(
    signed_in: ApiClient, frozen_time: FrozenTime, body: dict[str, Any], changed: dict[str, Any]
) -> None:
    before = signed_in.session()
    frozen_time.advance(seconds=5)
    response = update(signed_in, body)
    assert answered(response) == (200, {"status": True})
    cookie = set_cookies(response)[protocol.SESSION_TOKEN]
    assert (len(set_cookies(response)), "; Max-Age=604800;" in cookie) == (1, True)
    assert protocol.token_in_cookie(response) == before["session"]["token"]
    after = signed_in.session()
    assert after["session"] == before["session"]
    assert after["user"] == {**before["user"], **changed, "updatedAt": clock.iso(frozen_time.now)}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, NOTHING),
        ({"foo": 1}, NOTHING),
        ({"id": "x"}, NOTHING),
        ({"emailVerified": True}, NOTHING),
        ({"email": ""}, NOTHING),
        ({"role": ""}, NOTHING),
        ({"banned": False}, NOTHING),
        ({"email": "new@example.com"}, refusal("EMAIL_CAN_NOT_BE_UPDATED")),
        ({"email": 5, "name": 7, "role": "admin"}, refusal("EMAIL_CAN_NOT_BE_UPDATED")),
        *(
            ({name: "x"}, {"message": f"{name} is not allowed to be set", "code": "FIELD_NOT_ALLOWED"})
            for name in ("role", "banned", "banReason", "banExpires", "isAnonymous", "twoFactorEnabled")
        ),
        (
            {"name": "B", "role": "admin"},
            {"message": "role is not allowed to be set", "code": "FIELD_NOT_ALLOWED"},
        ),
        ({"name": None}, invalid("[body.name] Invalid input: expected string, received null")),
        ({"name": {"a": 1}}, invalid("[body.name] Invalid input: expected string, received object")),
        (
            {"name": 5, "image": False},
            invalid(
                "[body.name] Invalid input: expected string, received number",
                "[body.image] Invalid input: expected string, received boolean",
            ),
        ),
        ({"name": "x" * 1001}, invalid("[body.name] Too big: expected string to have <=1000 characters")),
        (
            {"image": "x" * (512 * 1024 + 1)},
            invalid("[body.image] Too big: expected string to have <=524288 characters"),
        ),
        ({"name": "A\r\nBcc: x"}, invalid("[body.name] Invalid input: control characters are not allowed")),
        ({"image": "a\x00"}, invalid("[body.image] Invalid input: control characters are not allowed")),
        ([], invalid("[body] Invalid input: expected record, received array")),
        (b'"x"', invalid("[body] Invalid input: expected record, received string")),
        (b"null", invalid("[body] Invalid input: expected record, received null")),
    ],
)
def test_what_is_refused_changes_nothing(signed_in: ApiClient, body: Any, expected: dict[str, str]) -> None:
    before = signed_in.session()
    response = update(signed_in, body, content_type="application/json")
    assert (answered(response), set_cookies(response)) == ((400, expected), {})
    assert signed_in.session() == before


def test_no_body_is_refused(signed_in: ApiClient) -> None:
    expected = invalid("[body] Invalid input: expected record, received undefined")
    assert answered(update(signed_in, None)) == (400, expected)


def test_not_remembered_stays_not_remembered(
    browser: ApiClient, make_user: Callable[..., UserRecord]
) -> None:
    make_user()
    browser.sign_in(rememberMe=False)
    cookies = set_cookies(update(browser, {"name": "B"}))
    assert set(cookies) == {protocol.SESSION_TOKEN, protocol.DONT_REMEMBER}
    assert not any("Max-Age" in header for header in cookies.values())


def test_update_needs_a_session(browser: ApiClient) -> None:
    assert answered(update(browser, {"name": "B"})) == (401, refusal("UNAUTHORIZED"))
