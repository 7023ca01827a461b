"""The project as it ships, for servers of tests, on Django's own ``auth.User``."""

from __future__ import annotations

from config.settings import *  # noqa: F403

AUTH_USER_MODEL = "auth.User"
