"""A failure shows the server's log."""

from __future__ import annotations

from tests.server import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]
