"""What a process does when it ends in peace: a worker of a server as well as a command."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.util import Finalize


def run_at_end(action: Callable[[], None]) -> None:
    """Once, in this process and not in those that it forks afterwards; a killed process runs nothing.

    Workers of granian are processes of ``multiprocessing``, which run their finalizers and nothing that was
    registered with ``atexit``; any other process runs its finalizers from ``atexit``.
    """
    Finalize(None, action, exitpriority=0)
