"""Real databases for tests of the migration, and commands that run beside the test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conformance.run_conformance import child
from tests.server import CHECKOUT, Site, new_site

SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCD"


@contextmanager
def empty_site(**settings: str) -> Iterator[Site]:
    """Migrated, and nobody there."""
    with new_site(BETTER_AUTH_SECRET=SECRET, **settings) as site:
        done = site.manage("migrate", "--noinput")
        assert done.returncode == 0, done.stdout
        yield site


@contextmanager
def running(site: Site, *told: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """``manage.py`` with these arguments; it writes to the site's log."""
    command = [sys.executable, "manage.py", *told]
    with (
        site.log.open("a") as log,
        child(
            command, cwd=CHECKOUT, env=site.environment(**more), stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        yield process
