"""The unmodified official client in a real browser, on a page of our own origin."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conformance.run_conformance import DEFAULT_SUITE, install_libraries
from tests.interop.reference import ensure_node
from tests.server import PASSWORD, RunningServer, new_email

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# No profile of the user, no traffic of the browser's own, and time that waits for the page's requests.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-proxy-server",
    "--virtual-time-budget=60000",
]
BROWSER_SECONDS = 90


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found:
        return found
    reason = f"none of {', '.join(BROWSERS)} is installed"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    ensure_node()
    install_libraries(DEFAULT_SUITE)
    with RunningServer(DJANGO_SETTINGS_MODULE="tests.settings.browser_page") as running:
        yield running


def result_of(page: str, *, chromium: str, profile: Path) -> dict[str, Any]:
    """What the page has written into its element ``result`` by the time it is done."""
    browser = subprocess.Popen(
        [chromium, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", page],
        env={"PATH": os.environ["PATH"], "HOME": str(profile)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        document, complaints = browser.communicate(timeout=BROWSER_SECONDS)
    finally:
        if browser.poll() is None:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
    found = re.search(r'<pre id="result">(.*?)</pre>', document, re.DOTALL)
    assert found is not None, complaints
    assert found[1] != "unfinished", complaints
    steps = json.loads(html.unescape(found[1]))
    assert isinstance(steps, dict)
    return steps


def test_official_client_signs_up_stays_signed_in_and_signs_out(
    chromium: str, server: RunningServer, tmp_path: Path
) -> None:
    email = new_email("browser")
    page = f"{server.origin}/page?{urlencode({'email': email, 'password': PASSWORD})}"
    steps = result_of(page, chromium=chromium, profile=tmp_path)
    assert "failure" not in steps, steps["failure"]

    nothing = {"data": None, "error": None}
    assert steps["nobody"] == nothing
    assert steps["signUp"]["data"]["user"]["email"] == email
    assert steps["signedUp"]["data"]["session"]["token"] == steps["signUp"]["data"]["token"]
    assert steps["again"] == {
        "data": None,
        "error": {"status": 422, "code": "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"},
    }
    assert steps["readableCookies"] == ""
    assert steps["update"] == {"data": {"status": True}, "error": None}
    assert steps["updated"]["data"]["user"]["name"] == "Ann Renamed"
    assert steps["signOut"] == {"data": {"success": True}, "error": None}
    assert steps["signedOut"] == nothing
    assert steps["wrongPassword"]["error"] == {"status": 401, "code": "INVALID_EMAIL_OR_PASSWORD"}
    assert steps["signedIn"]["data"]["session"]["token"] == steps["signIn"]["data"]["token"]
    assert [one["token"] for one in steps["sessions"]["data"]] == [steps["signIn"]["data"]["token"]]
    # What a page bound to the store has shown: nobody, Ann, nobody, Ann.
    assert steps["shown"] == [None, email, None, email]
