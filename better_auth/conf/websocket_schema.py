"""The settings of WebSockets; a part of ``schema``."""

from __future__ import annotations

from dataclasses import dataclass

from better_auth.conf.declaring import setting


@dataclass(frozen=True, slots=True)
class WebSocketSettings:
    methods: tuple[str, ...] = setting(
        (),
        "Ways to prove who one is that open a socket, as ``auth.result`` names them; empty: all that "
        "AUTHENTICATORS know.",
        env="BETTER_AUTH_WEBSOCKET_METHODS",
    )
    token_in_query: bool = setting(
        False,
        "Take ``?token=…`` too. URLs are written into logs, and so would be the token.",
        env="BETTER_AUTH_WEBSOCKET_TOKEN_IN_QUERY",
    )
    first_message_seconds: int = setting(
        10,
        "Seconds in which a socket that has shown nothing must send its token.",
        env="BETTER_AUTH_WEBSOCKET_FIRST_MESSAGE_SECONDS",
        at_least=1,
    )
    heartbeat_seconds: int = setting(
        30,
        "Seconds of silence after which the server sends a heartbeat; 0 sends none.",
        env="BETTER_AUTH_WEBSOCKET_HEARTBEAT_SECONDS",
        at_least=0,
    )
    answer_seconds: int = setting(
        20,
        "Seconds in which a client must answer a heartbeat, by whatever message.",
        env="BETTER_AUTH_WEBSOCKET_ANSWER_SECONDS",
        at_least=1,
    )
    max_per_user: int = setting(
        50,
        "Open sockets of one user, in all processes.",
        env="BETTER_AUTH_WEBSOCKET_MAX_PER_USER",
        at_least=1,
    )
    max_per_address: int = setting(
        200,
        "Open sockets of one address, in all processes.",
        env="BETTER_AUTH_WEBSOCKET_MAX_PER_ADDRESS",
        at_least=1,
    )
    lease_seconds: int = setting(
        45,
        "Seconds after which the sockets of a process that has crashed do not count any more.",
        env="BETTER_AUTH_WEBSOCKET_LEASE_SECONDS",
        at_least=3,
    )
    max_message_bytes: int = setting(
        65536,
        "Longest message of a client.",
        env="BETTER_AUTH_WEBSOCKET_MAX_MESSAGE_BYTES",
        at_least=1024,
    )
    max_messages: int = setting(
        100,
        "Messages of one client in MESSAGES_WINDOW.",
        env="BETTER_AUTH_WEBSOCKET_MAX_MESSAGES",
        at_least=1,
    )
    messages_window: int = setting(
        10, "Seconds of that window.", env="BETTER_AUTH_WEBSOCKET_MESSAGES_WINDOW", at_least=1
    )
    send_seconds: int = setting(
        10,
        "Seconds that a message may wait for a client that does not read.",
        env="BETTER_AUTH_WEBSOCKET_SEND_SECONDS",
        at_least=1,
    )
    check_seconds: int = setting(
        5,
        "Seconds after which open sockets are held against the database, where no Redis tells what has "
        "changed; where one does, twelve times as many.",
        env="BETTER_AUTH_WEBSOCKET_CHECK_SECONDS",
        at_least=1,
    )
    drain_seconds: int = setting(
        5,
        "Seconds that a server which stops gives its sockets to close.",
        env="BETTER_AUTH_WEBSOCKET_DRAIN_SECONDS",
        at_least=0,
    )
    audit_connections: bool = setting(
        False,
        "An audit entry for each socket that opens and closes, too; refusals are recorded always.",
        env="BETTER_AUTH_WEBSOCKET_AUDIT_CONNECTIONS",
    )
