"""The project as it ships, with the database of a former one (``tests/legacy_project``) beside its own."""

from __future__ import annotations

import os

from config.settings import *  # noqa: F403
from config.settings import DATABASES

DATABASES["old"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["OLD_DATABASE"]}
