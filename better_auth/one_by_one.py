"""Work that no request waits for, done one piece after the other by one thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Job = TypeVar("Job")


class OneByOne(Generic[Job]):
    """A bounded queue with one thread, which keeps no process from ending. It begins with the first job of a
    process. ``work`` gets the queue, and never returns; ``name`` is the thread's."""

    def __init__(self, name: str, work: Callable[[queue.Queue[Job]], None], *, most: int) -> None:
        self._name, self._work = name, work
        self._jobs: queue.Queue[Job] = queue.Queue(most)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, job: Job) -> bool:
        """Never waits; False where the queue is full, and the job is dropped."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        if self._thread is None or not self._thread.is_alive():  # a fork has no threads
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(
                        target=self._work, args=(self._jobs,), name=self._name, daemon=True
                    )
                    self._thread.start()
        return True
