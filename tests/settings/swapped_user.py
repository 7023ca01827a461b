"""A host's own user model that inherits ours (``tests/host/accounts``)."""

from __future__ import annotations

from tests.settings.default import *  # noqa: F403
from tests.settings.default import INSTALLED_APPS

INSTALLED_APPS = ["tests.host.accounts", *INSTALLED_APPS]
AUTH_USER_MODEL = "accounts.Member"
