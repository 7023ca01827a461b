"""The system check of sockets."""

from __future__ import annotations

from typing import Any

from better_auth.websocket.checks import check_websocket_methods


def told(one: str) -> list[str]:
    return [str(message.msg) for message in check_websocket_methods(None) if message.id == one]


def test_a_way_to_open_sockets_that_nobody_knows(configure: Any) -> None:
    configure(WEBSOCKET={"METHODS": ["session", "bearer"]})
    assert told("better_auth.E080") == []
    configure(WEBSOCKET={"METHODS": ["sesion"]})
    text = "WEBSOCKET.METHODS: 'sesion' opens no socket; did you mean session?"
    assert told("better_auth.E080") == [text]
