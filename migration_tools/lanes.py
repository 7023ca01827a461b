"""Several processes at one run: batches are planned and written side by side, and committed in their order.

Each lane is a fork. What the run has reached goes from lane to lane like a baton: whoever holds it may
commit, and hands it on. A lane that fails or dies hands nothing on; those that wait for it see that, and undo
theirs.
"""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Pipe, wait
from typing import Any, cast

from django.db import connections

End = Any  # multiprocessing.connection.Connection, whose types differ from system to system


class Abandoned(Exception):
    """An earlier batch was not committed, so this one must not be."""


class LaneDied(Exception):
    """A process of the run is no more, and could not say why."""


class Baton:
    """Comes to a lane when all earlier batches are committed, with what they have reached."""

    def __init__(self, coming: End, going: End) -> None:
        self._coming, self._going = coming, going
        self.is_held = False

    def take(self) -> Any:
        """Wait for it. Raises ``Abandoned``."""
        try:
            reached = self._coming.recv()
        except (EOFError, OSError):
            raise Abandoned from None
        self.is_held = True
        return reached

    def hand_on(self, reached: Any) -> None:
        self.is_held = False
        with suppress(OSError):  # nobody is left: that was the last batch
            self._going.send(reached)


Work = Callable[[int, Baton, Callable[[Any], None]], None]


def in_lanes(
    count: int,
    reached: Any,
    work: Work,
    hear: Callable[[Any], None],
) -> None:
    """Run ``work(lane, baton, tell)`` in so many forks; ``hear`` gets, here, what they tell.

    The connections to databases must not be shared: those of this process are closed. Raises what the first
    lane that failed raised.
    """
    _let_go_of_connections()
    batons = [Pipe(duplex=False) for _ in range(count)]
    ears, pids = _fork(batons, work)
    batons[0][1].send(reached)
    for pair in batons:
        for end in pair:
            end.close()
    try:
        fault = _listen(ears, hear)
    except BaseException:  # an interruption, too: no lane may go on alone
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        raise
    finally:
        statuses = [os.waitpid(pid, 0)[1] for pid in pids]
    if fault is not None:
        raise fault
    if any(statuses):
        raise LaneDied("a process of the run has died")


def _fork(batons: list[tuple[End, End]], work: Work) -> tuple[list[End], list[int]]:
    ears: list[End] = []
    pids: list[int] = []
    for lane in range(len(batons)):
        ear, mouth = Pipe(duplex=False)
        pid = os.fork()
        if pid == 0:
            _be_lane(lane, batons, [*ears, ear], mouth, work)
        mouth.close()
        ears.append(ear)
        pids.append(pid)
    return ears, pids


def _let_go_of_connections() -> None:
    """Pools, too: a fork that ended one of their connections would end it for all."""
    connections.close_all()
    for connection in connections.all(initialized_only=True):
        if getattr(connection, "pool", None):
            connection.close_pool()  # type: ignore[attr-defined]


def _listen(ears: list[End], hear: Callable[[Any], None]) -> BaseException | None:
    """Until all lanes have ended; the first fault that one has told of."""
    fault: BaseException | None = None
    open_ears = list(ears)
    while open_ears:
        for ear in cast(list[End], wait(open_ears)):
            try:
                told = ear.recv()
            except (EOFError, OSError):
                open_ears.remove(ear)
                continue
            if isinstance(told, BaseException):
                fault = fault or told
            else:
                hear(told)
    return fault


def _be_lane(lane: int, batons: list[tuple[End, End]], ears: list[End], mouth: End, work: Work) -> None:
    """Never returns: what follows is the parent's."""
    status = 1
    try:
        coming, going = batons[lane][0], batons[(lane + 1) % len(batons)][1]
        for end in (*ears, *(end for pair in batons for end in pair)):
            if end not in (coming, going):
                end.close()
        work(lane, Baton(coming, going), mouth.send)
        status = 0
    except Abandoned:
        status = 0
    except BaseException as fault:  # the parent is to raise it
        with suppress(OSError):
            mouth.send(_sendable(fault))
            status = 0
    finally:
        os._exit(status)


def _sendable(fault: BaseException) -> BaseException:
    try:
        pickle.loads(pickle.dumps(fault))  # noqa: S301, our own
    except Exception:  # whatever it is that can't be sent
        return RuntimeError(type(fault).__name__)
    return fault
