"""The browser, and the server with the page; a failure shows the server's log."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.conformance.run_conformance import DEFAULT_SUITE, install_libraries
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
    with RunningServer(DJANGO_SETTINGS_MODULE="tests.settings.browser_page") as running:
        yield running
