"""The wheel, built and installed once, and projects to put it into. Alone: ``pytest -m projects``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.conformance.run_conformance import fresh_database, reserved_port
from tests.projects.project import CHECKOUT, Project


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ["build", "--wheel", "--no-isolation", "--outdir", str(folder / "dist")]
    subprocess.run([sys.executable, "-m", *build], cwd=CHECKOUT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    install = ["pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    target = folder / "packages"
    subprocess.run(
        [sys.executable, "-m", *install, "--target", str(target), str(wheel)], cwd=folder, check=True
    )
    return target


@pytest.fixture
def project(packages: Path, tmp_path: Path) -> Iterator[Project]:
    """As ``startproject`` makes it, on SQLite, or on PostgreSQL where DATABASE_URL names one."""
    url = os.environ.get("DATABASE_URL", "")
    # The database that is named may be one that the test runner has yet to make.
    beside = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    environ = {"DATABASE_URL": beside} if url.startswith("postgres") else {}
    with fresh_database(environ, tmp_path) as own, reserved_port() as port:
        yield Project.start(
            tmp_path / "site", packages=packages, database_url=own if environ else "", port=port
        )


@pytest.fixture(scope="session")
def needs_node() -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("the official client needs Node.js 20.19 or newer with npm")
