"""The project as it ships, with a cheap password hash, on what ``DATABASE_URL`` and ``REDIS_URL`` name."""

from __future__ import annotations

import os
import tempfile

DATA_DIR_OF_TESTS = tempfile.mkdtemp(prefix="better-auth-tests-")
os.environ["BETTER_AUTH_DATA_DIR"] = DATA_DIR_OF_TESTS
os.environ["BETTER_AUTH_SECRET"] = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
os.environ["BETTER_AUTH_PASSWORD_REFUSE_COMMON"] = "false"
os.environ["BETTER_AUTH_ARGON2_MEMORY_COST"] = "64"
os.environ["BETTER_AUTH_ARGON2_TIME_COST"] = "1"
os.environ["BETTER_AUTH_RATE_LIMIT_ENABLED"] = "false"
os.environ.setdefault("BETTER_AUTH_URL", "http://testserver")

from config.settings import *  # noqa: E402, F403
from config.settings import CACHES, DATABASES  # noqa: E402

EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: threads of a test must see one database.
    DATABASES["default"]["TEST"] = {"NAME": f"{DATA_DIR_OF_TESTS}/test.sqlite3"}
CACHES["default"]["KEY_PREFIX"] = f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{os.getpid()}"
