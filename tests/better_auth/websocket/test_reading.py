"""What is read of a handshake and of messages, whatever a client sends (sockets: ``tests/websocket``)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from better_auth.websocket import handshake, messages

Configure = Any
TOKEN = "a-token-that-is-nobody-s-business"


def scope(
    *headers: tuple[bytes, bytes], protocols: tuple[str, ...] = (), query: bytes = b""
) -> dict[str, Any]:
    offered = [(b"sec-websocket-protocol", ", ".join(protocols).encode())] if protocols else []
    return {
        "type": "websocket",
        "path": "/ws/auth/",
        "headers": [*headers, *offered],
        "subprotocols": list(protocols),
        "query_string": query,
        "client": ("127.0.0.1", 1),
    }


def test_a_token_among_the_protocols_is_decoded_and_taken_out() -> None:
    found = scope(protocols=("chat.v1", "better-auth", "better-auth.token.a%2Fb%3D"))
    shown = handshake.read(found)
    assert (shown.token, shown.protocol, shown.any_kind) == ("a/b=", "better-auth", True)
    cleaned = handshake.without_secrets(found)
    assert cleaned["subprotocols"] == ["chat.v1", "better-auth"]
    assert (b"sec-websocket-protocol", b"chat.v1, better-auth") in cleaned["headers"]


def test_a_token_in_the_query_only_where_the_settings_have_it(configure: Configure) -> None:
    found = scope(query=f"room=1&token={TOKEN}&x=2".encode())
    assert handshake.read(found).token == ""
    configure(WEBSOCKET={"TOKEN_IN_QUERY": True})
    assert handshake.read(found).token == TOKEN
    assert handshake.without_secrets(found)["query_string"] == b"room=1&x=2"


def test_nothing_shows_a_token() -> None:
    shown = handshake.read(scope((b"authorization", f"Bearer {TOKEN}".encode())))
    assert shown.token == TOKEN
    assert TOKEN not in repr(shown) + repr(messages.Control("auth", TOKEN))


def test_cookies_in_pieces_are_one() -> None:
    shown = handshake.read(scope((b"cookie", b"a=1"), (b"cookie", b"b=2")))
    assert shown.headers["cookie"] == "a=1; b=2"


@given(st.binary(max_size=200), st.lists(st.text(max_size=60), max_size=4), st.binary(max_size=100))
def test_no_handshake_is_too_strange(value: bytes, protocols: list[str], query: bytes) -> None:
    headers = [(name, value) for name in (b"authorization", b"cookie", b"x-forwarded-for", b"origin")]
    found = {**scope(*headers, query=query), "subprotocols": protocols}
    assert isinstance(handshake.read(found).token, str)
    handshake.without_secrets(found)


@given(st.text(max_size=300) | st.from_regex(r'\{"(type|token)": ?"?(auth|ping|x)"?.*\}', fullmatch=True))
def test_no_message_is_too_strange(text: str) -> None:
    for control in (messages.read_control(text), messages.read_first(text)):
        assert control is None or control.kind in ("auth", "ping", "pong")


@pytest.mark.parametrize(
    "text", ['{"type":"chat","text":"ping"}', '{"token":"x"}', '["auth"]', '"ping"', "1" * 20_000, ""]
)
def test_what_is_the_application_s(text: str) -> None:
    assert messages.read_control(text) is None


@pytest.mark.parametrize("timestamp", [float("inf"), 1e300, -1e300, float("nan")])
def test_an_end_beyond_all_calendars_is_none(timestamp: float) -> None:
    assert messages.iso(timestamp) is None
