"""A host's server in two processes, with consumers of its own; what is short is short for the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.server import Answer, RunningServer, new_email, pytest_runtest_makereport
from tests.sockets import Socket

__all__ = ["pytest_runtest_makereport"]

APPLICATION = "tests.host.sockets:application"


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    with RunningServer(
        processes=2,
        application=APPLICATION,
        BETTER_AUTH_WEBSOCKET_FIRST_MESSAGE_SECONDS="3",
        BETTER_AUTH_WEBSOCKET_CHECK_SECONDS="1",
    ) as running:
        yield running


@pytest.fixture
def ann(server: RunningServer) -> Answer:
    """She has just signed up."""
    return server.sign_up(new_email())


Open = Callable[..., Socket]


@pytest.fixture
def opened(server: RunningServer, ann: Answer) -> Iterator[Open]:
    """Open sockets, by default with Ann's cookie and from our own page; closed at the end."""
    with ExitStack() as stack:

        def open_socket(path: str = "/ws/auth/", *, process: int = 0, **options: Any) -> Socket:
            if not {"cookie", "protocols", "headers", "anonymous"} & set(options):
                options = {"cookie": ann.session_cookie, "origin": server.origin, **options}
            options.pop("anonymous", None)
            return stack.enter_context(Socket(server.urls[process], path, **options))

        yield open_socket
