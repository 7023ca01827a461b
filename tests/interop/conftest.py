"""The reference server, and ours with the same secret."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.reference import Reference, running_reference
from tests.server import RunningServer, pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport", "reference", "secret", "server"]


@pytest.fixture(scope="module")
def reference() -> Iterator[Reference]:
    with running_reference() as running:
        yield running


@pytest.fixture(scope="module")
def secret(reference: Reference) -> str:
    found = reference.ask("secret")
    assert isinstance(found, str)
    return found


@pytest.fixture(scope="module")
def server(secret: str) -> Iterator[RunningServer]:
    """Ours, with the reference server's secret."""
    with RunningServer(BETTER_AUTH_SECRET=secret) as running:
        yield running
