"""The page on which people approve their devices, without a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.urls import resolve

from better_auth.models import DeviceCode
from better_auth.storage.records import UserRecord
from better_auth.zero_trust.public import is_declared_public
from tests.better_auth.features.device_authorization.conftest import Device
from tests.conftest import ORIGIN, ApiClient, FrozenTime

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
NewBrowser = Callable[..., ApiClient]


def send(browser: ApiClient, **more: Any) -> Any:
    headers = more.pop("headers", {})
    return browser.generic(
        "POST", "/device", urlencode(more), content_type="application/x-www-form-urlencoded", **headers
    )


def text_of(response: Any) -> str:
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    return " ".join(response.content.decode().split())


def test_it_asks_for_the_code_and_claims_nothing(signed_in: ApiClient, device: Device) -> None:
    response = signed_in.get(f"/device?user_code={device.user_code}")
    assert f'value="{device.user_code}"' in text_of(response)
    assert "ann@example.com" in text_of(response)
    assert DeviceCode.objects.get().claimed_by == ""
    assert "script" not in text_of(response)
    policy = response.headers["Content-Security-Policy"]
    assert ("frame-ancestors 'none'" in policy, "default-src 'none'" in policy) == (True, True)
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Cache-Control"] == "no-store"


def test_whoever_is_not_signed_in_is_told_to(
    browser: ApiClient, device: Device, configure: Configure
) -> None:
    assert "Sign in first" in text_of(browser.get("/device"))
    configure(DEVICE_AUTHORIZATION={"SIGN_IN_PAGE": "https://app.example/sign-in"})
    back = f"http%3A%2F%2Ftestserver%2Fdevice%3Fuser_code%3D{device.user_code}"
    page = text_of(browser.get(f"/device?user_code={device.user_code}"))
    assert f"https://app.example/sign-in?callbackURL={back}" in page
    assert "Sign in first" in text_of(send(browser, user_code=device.user_code, decision="approve"))
    assert DeviceCode.objects.get().status == "pending"


@pytest.mark.parametrize(
    ("decision", "told", "status"),
    [("approve", "Your device is signed in", 200), ("deny", "The device was refused", 400)],
)
def test_a_code_a_question_a_decision(
    signed_in: ApiClient, device: Device, decision: str, told: str, status: int
) -> None:
    question = text_of(send(signed_in, user_code=device.user_code.lower()))
    assert all(part in question for part in ("Let this device sign in?", "tv", "openid profile"))
    assert told in text_of(send(signed_in, user_code=device.user_code, decision=decision))
    assert device.poll().status_code == status


def test_nothing_is_decided_before_the_question_was_asked(signed_in: ApiClient, device: Device) -> None:
    assert send(signed_in, user_code=device.user_code, decision="approve").status_code == 400
    assert DeviceCode.objects.get().status == "pending"


def test_what_is_wrong_is_told(
    signed_in: ApiClient,
    device: Device,
    new_browser: NewBrowser,
    frozen_time: FrozenTime,
    make_user: Callable[..., UserRecord],
    configure: Configure,
) -> None:
    response = send(signed_in, user_code="NOSUCHCD")
    assert (response.status_code, "This code is not known" in text_of(response)) == (400, True)
    make_user("eve@example.com")
    eve = new_browser()
    eve.sign_in("eve@example.com")
    send(eve, user_code=device.user_code)
    response = send(signed_in, user_code=device.user_code)
    assert "Somebody else is signing in" in text_of(response)
    configure(RATE_LIMIT={"ENABLED": True})
    for _ in range(31):
        response = send(signed_in, user_code="NOSUCHCD")
    assert (response.status_code, "Too many codes" in text_of(response)) == (429, True)
    configure(RATE_LIMIT={"ENABLED": False})
    frozen_time.advance(seconds=1800)
    assert "has expired" in text_of(send(eve, user_code=device.user_code))


def test_it_is_open_where_everything_is_closed() -> None:
    """To ``ZeroTrustMiddleware``: it asks for a session itself."""
    assert is_declared_public(resolve("/device"), "GET")


def test_a_foreign_page_can_not_send_the_form(signed_in: ApiClient, device: Device) -> None:
    for origin in ("https://evil.example", "null", ""):
        response = send(signed_in, user_code=device.user_code, headers={"HTTP_ORIGIN": origin})
        assert response.status_code == 403
    assert DeviceCode.objects.get().claimed_by == ""
    referred = {"HTTP_ORIGIN": "", "HTTP_REFERER": f"{ORIGIN}/device"}  # browsers of old
    assert send(signed_in, user_code=device.user_code, headers=referred).status_code == 200


def test_what_a_device_says_of_itself_is_text(
    browser: ApiClient, new_device: Callable[..., Device], make_user: Callable[..., UserRecord]
) -> None:
    make_user(name="<b>")
    browser.sign_in()
    device = new_device(scope="<img src=x onerror=alert(1)>")
    page = text_of(send(browser, user_code=device.user_code))
    assert ("<img" in page, "&lt;img src=x" in page) == (False, True)
    assert "<svg" not in text_of(browser.get("/device", {"user_code": '"><svg onload=alert(1)>'}))


@pytest.mark.parametrize("query", ["user_code=a&user_code=b", "user_code=%00", f"user_code={'x' * 65}"])
def test_odd_queries(signed_in: ApiClient, query: str) -> None:
    assert signed_in.get(f"/device?{query}").status_code == 400
