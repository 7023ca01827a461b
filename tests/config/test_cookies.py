"""A ``Cookie`` header in pieces reaches Django whole, so that its own cookies survive HTTP/2 too."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync

from config.cookies import JoinedCookies


def headers_seen(*headers: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])

    scope = {"type": "http", "headers": list(headers)}
    async_to_sync(JoinedCookies(application))(scope, None, None)
    assert scope["headers"] == list(headers)
    return seen


def test_pieces_are_joined_as_the_standard_says() -> None:
    seen = headers_seen((b"cookie", b"a=1"), (b"host", b"x"), (b"cookie", b"b=2; c=3"))
    assert seen == [(b"host", b"x"), (b"cookie", b"a=1; b=2; c=3")]


@pytest.mark.parametrize("headers", [[], [(b"host", b"x")], [(b"host", b"x"), (b"cookie", b"a=1, b=2")]])
def test_whole_headers_stay_as_they_are(headers: list[tuple[bytes, bytes]]) -> None:
    assert headers_seen(*headers) == headers
