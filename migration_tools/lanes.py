"""Several batches under way at once, that come to their ends in their order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

Batch = TypeVar("Batch")
Result = TypeVar("Result")


class Abandoned(Exception):
    """An earlier batch failed, so this one must not come to its end."""


class Turn:
    """Comes when all earlier batches have ended well."""

    def __init__(self, before: Turn | None) -> None:
        self._before, self._ended, self._is_well = before, threading.Event(), False

    def wait(self) -> None:
        """Raises ``Abandoned``."""
        if self._before is not None:
            self._before._ended.wait()
            if not self._before._is_well:
                raise Abandoned
            self._before = None  # nor keep the whole chain alive

    def end(self, *, is_well: bool) -> None:
        self._is_well = is_well
        self._ended.set()


def in_lanes(count: int, batches: Iterable[Batch], work: Callable[[Batch, Turn], Result]) -> Iterator[Result]:
    """Results in the order of the batches, each worked on in one of ``count`` threads.

    ``work`` waits for its turn before it does what can't be undone. Raises what the first that failed raised;
    those behind it find their turns abandoned.
    """
    under_way: deque[Future[Result]] = deque()
    last: Turn | None = None
    with ThreadPoolExecutor(count, thread_name_prefix="migration") as threads:
        try:
            for batch in batches:
                last = Turn(last)
                under_way.append(threads.submit(_worked, work, batch, last))
                if len(under_way) > count:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BaseException:
            for future in under_way:
                future.cancel()
            if last is not None:
                last.end(is_well=False)
            raise
        finally:
            for _ in range(count):
                threads.submit(connections.close_all)


def _worked(work: Callable[[Batch, Turn], Result], batch: Batch, turn: Turn) -> Result:
    is_well = False
    try:
        result = work(batch, turn)
        turn.wait()
        is_well = True
        return result
    finally:
        turn.end(is_well=is_well)
