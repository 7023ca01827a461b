"""A running project on Django's own ``auth.User``: nothing is swapped, our columns live in profiles."""

from __future__ import annotations

from tests.settings.default import *  # noqa: F403

AUTH_USER_MODEL = "auth.User"
