"""A running project on Django's own ``auth.User``: nothing is swapped, our columns live in profiles."""

from __future__ import annotations

from tests.settings.default import *  # noqa: F403
from tests.settings.default import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.host.shop"]
AUTH_USER_MODEL = "auth.User"
