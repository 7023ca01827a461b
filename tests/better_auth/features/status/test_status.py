"""``/ok`` and ``/error`` (core.md, section 7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import ApiClient
from tests.protocol import answered

Configure = Callable[..., None]


def test_ok_asks_nothing_of_the_database(browser: ApiClient) -> None:
    response = browser.api("GET", "/ok")
    assert answered(response) == (200, {"ok": True})
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("query", "code", "description"),
    [
        ("?error=INVALID_TOKEN", "INVALID_TOKEN", "This link could not be used"),
        ("?error=it's-done_1&error_description=Try+again", "it&#x27;s-done_1", "Try again"),
        ("", "UNKNOWN", "This link could not be used"),
        ("?error=a%20b", "UNKNOWN", "This link could not be used"),
        ("?error=<svg>", "UNKNOWN", "This link could not be used"),
        (f"?error={'x' * 101}", "UNKNOWN", "This link could not be used"),
        (
            "?error=x&error_description=<script>alert(1)</script>",
            "x",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
        ),
        (f"?error=x&error_description={'y' * 600}", "x", f"<p>{'y' * 500}</p>"),
    ],
)
def test_error_page_shows_code_and_description(
    browser: ApiClient, query: str, code: str, description: str
) -> None:
    response = browser.api("GET", f"/error{query}")
    page = response.content.decode()
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f"<code>{code}</code>" in page
    assert description in page
    assert "<script" not in page
    assert "<svg" not in page


def test_error_page_can_do_nothing(browser: ApiClient) -> None:
    response = browser.api("GET", "/error")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "location"),
    [
        ("?error=INVALID_TOKEN", "https://app.example/oops?lang=en&error=INVALID_TOKEN"),
        (
            "?error=x&error_description=a+b%26c",
            "https://app.example/oops?lang=en&error=x&error_description=a+b%26c",
        ),
        ("?error=<svg>", "https://app.example/oops?lang=en&error=UNKNOWN"),
        ("", "https://app.example/oops?lang=en&error=UNKNOWN"),
    ],
)
def test_the_front_end_may_have_its_own_page(
    browser: ApiClient, configure: Configure, query: str, location: str
) -> None:
    configure(ERROR_URL="https://app.example/oops?lang=en")
    response = browser.api("GET", f"/error{query}")
    assert answered(response) == (302, None)
    assert response.headers["Location"] == location


def test_page_names_the_application(browser: ApiClient, configure: Configure) -> None:
    configure(APP_NAME="Tea & Cake")
    assert "Something went wrong · Tea &amp; Cake" in browser.api("GET", "/error").content.decode()
