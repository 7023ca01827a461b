"""The browser, and the server with the page; a failure shows the server's log."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.conformance.run_conformance import ADMIN_EMAIL, ADMIN_PASSWORD, DEFAULT_SUITE, install_libraries
from tests.interop.reference import ensure_node
from tests.server import RunningServer, pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found:
        return found
    reason = f"none of {', '.join(BROWSERS)} is installed"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    ensure_node()
    install_libraries(DEFAULT_SUITE)
    # Browsers bind no passkey to an address, so pages with passkeys are opened on this name.
    passkeys = {
        "BETTER_AUTH_TRUSTED_ORIGINS": "http://localhost:*",
        "BETTER_AUTH_PASSKEY_RP_ID": "localhost",
        "BETTER_AUTH_PASSKEY_USER_VERIFICATION": "required",
    }
    operator = {"BETTER_AUTH_ADMIN_EMAIL": ADMIN_EMAIL, "BETTER_AUTH_ADMIN_PASSWORD": ADMIN_PASSWORD}
    page = "tests.settings.browser_page"
    with RunningServer(DJANGO_SETTINGS_MODULE=page, **passkeys, **operator) as running:
        yield running


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    """A page for a test to drive, in a browser of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()
