"""Servers for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server import RunningServer, pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport", "server"]


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """Two processes over one database, where deleting oneself needs a mailed link."""
    with RunningServer(processes=2, BETTER_AUTH_DELETE_USER_VERIFICATION="true") as running:
        yield running
