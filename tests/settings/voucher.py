"""A host with a trigger that a rollback does not know of (``tests/host/welcome``)."""

from __future__ import annotations

from tests.settings.default import *  # noqa: F403
from tests.settings.default import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.host.welcome"]
