"""The door with an authority that fails, or whose word comes late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

from better_auth.websocket.gate import Gate
from better_auth.websocket.identity import Identity, Verdict

SCOPE = {"type": "websocket", "path": "/ws", "headers": [], "subprotocols": [], "client": ("127.0.0.1", 1)}
ANN = Identity("ann", None, "bearer", ("the session", "user 1"), None, {"id": "ann"}, None)


class Scripted:
    """Knows whoever comes, as the test has it."""

    def __init__(self, identify: Callable[[], Identity]) -> None:
        self._identify, self.is_late = identify, False
        self.rechecked = 0

    async def identify(self, shown: Any, *, with_row: bool, lease: Any) -> Identity:
        return self._identify()

    async def recheck(self, identities: Any) -> list[Verdict]:
        self.rechecked += 1
        return [Verdict(None, "revoked") for _ in identities]

    async def in_thread(self, work: Callable[[], Any]) -> Any:
        return work()

    def is_current(self, identity: Identity) -> bool:
        return not self.is_late

    def listen(self, heard: Any) -> None:
        pass

    def check_pause(self) -> float:
        return 3600.0

    def note_refusal(self, *arguments: Any) -> None:
        pass

    note_opening = note_closing = note_refusal


def visit(authority: Scripted) -> list[Any]:
    """All that the client is sent, until it is closed."""

    async def meet() -> list[Any]:
        sent: list[Any] = []
        incoming: asyncio.Queue[Any] = asyncio.Queue()
        incoming.put_nowait({"type": "websocket.connect"})

        async def send(message: Any) -> None:
            sent.append(message)
            if message["type"] == "websocket.close":
                incoming.put_nowait({"type": "websocket.disconnect", "code": message["code"]})

        gate = Gate()
        gate.authority = authority
        await asyncio.wait_for(gate(dict(SCOPE), incoming.get, send), 30)
        return sent

    return asyncio.run(meet())


def told(message: Any) -> Any:
    return orjson.loads(message["text"])


def test_who_can_not_be_identified_may_come_later() -> None:
    def fail() -> Identity:
        raise OSError("the database is away")

    accepted, refusal, closed = visit(Scripted(fail))
    assert accepted["type"] == "websocket.accept"
    assert told(refusal)["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert closed["code"] == 4503
    assert "database" not in str(refusal)


def test_what_ended_while_it_was_looked_up_is_not_missed() -> None:
    """Nobody hears the word for a socket that is not known yet."""
    authority = Scripted(lambda: ANN)
    authority.is_late = True
    *_, ended, closed = visit(authority)
    assert told(ended) == {"type": "session.ended", "reason": "revoked"}
    assert closed["code"] == 4441
    assert authority.rechecked == 1
