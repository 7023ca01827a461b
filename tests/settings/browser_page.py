"""The project as it ships, with one more page: the official client in a real browser (``tests/browser``)."""

from __future__ import annotations

from config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.browser.urls"
