"""Runs the tests of this folder, of the admin API, of organizations and of the migration on Django's own user
model: in a process and a database of their own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

# These start processes of the project, which has our own user model.
WITH_PROCESSES = ("test_kills.py", "test_beside_others.py", "test_rehearsal.py")
FOLDER = "tests/migration_tools"
ADMIN_API = "tests/better_auth/features/admin"
ORGANIZATIONS = "tests/organizations"
CHECKOUT = Path(__file__).resolve().parents[2]


def test_everything_here_holds_on_the_stock_user_model() -> None:
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "BETTER_AUTH_"))
    }
    if url := environ.get("DATABASE_URL"):
        environ["DATABASE_URL"] = urlunsplit(urlsplit(url)._replace(path=f"/run_{secrets.token_hex(6)}"))
    options = ["--ds=tests.settings.stock_user", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    options += [f"--ignore={FOLDER}/{name}" for name in WITH_PROCESSES]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests/stock_user", ADMIN_API, ORGANIZATIONS, FOLDER],
        cwd=CHECKOUT,
        env={**environ, "DJANGO_SETTINGS_MODULE": "tests.settings.stock_user"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
