"""Who is at the other end of a socket, and what can tell: ``pipeline`` here, or an auth server elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from better_auth.websocket.closing import Ending, Refused
from better_auth.websocket.handshake import Shown


@dataclass(frozen=True, slots=True)
class Identity:
    """``names``: by which it is told that something has changed; ``good_until``: Unix seconds, None for what
    has no end; ``credentials``: to ask again by, whatever the authority needs; ``user`` and ``session`` as
    messages show them; ``row``: the host's own user, where there is an application, selected when used;
    ``is_renewable``: it may have been prolonged meanwhile, so its end is looked up before it counts;
    ``turn``: of the authority, before it was looked up."""

    user_id: str
    principal: Any
    method: str
    names: tuple[str, ...]
    good_until: float | None
    user: Mapping[str, Any]
    session: Mapping[str, Any] | None
    row: Any = None
    is_renewable: bool = False
    credentials: Any = field(default=None, repr=False)
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an identity: the same or another one of the same user, or why it is over (``revoked``,
    ``expired``, ``shut_out``)."""

    identity: Identity | None
    reason: str = ""


class Authority(Protocol):
    """Whatever may block is done in threads of its own."""

    async def identify(
        self, shown: Shown, *, with_row: bool, lease: Callable[[Identity | None], None]
    ) -> Identity | None:
        """None where nothing was shown that counts. ``lease`` is called in a thread once it is known who it
        is, or that nobody is. Raises ``Refused``."""

    async def recheck(self, identities: Sequence[Identity]) -> list[Verdict]:
        """As the store has it now; in the same order."""

    def is_current(self, identity: Identity) -> bool:
        """Whether nothing that it depends on has changed since it was looked up."""

    async def in_thread(self, work: Callable[[], Any]) -> Any:
        """Run what may block."""

    def listen(self, heard: Callable[[Iterable[str] | None], None]) -> None:
        """From now on call this one with the names that have changed, in any thread; with None for all."""

    def check_pause(self) -> float:
        """Seconds after which all are rechecked, for what nobody has told."""

    def note_refusal(self, shown: Shown, refusal: Refused) -> None:
        """For the audit log, as far as there is one."""

    def note_opening(self, shown: Shown, identity: Identity) -> None: ...

    def note_closing(self, shown: Shown, identity: Identity, ending: Ending | None) -> None: ...
