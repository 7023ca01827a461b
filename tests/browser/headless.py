"""A page in a real browser, and what it has written by the time that it is done."""

from __future__ import annotations

import html
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

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
