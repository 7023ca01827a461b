"""A server that stops asks its sockets to come back first.

Granian drops every connection as soon as it is told to stop, and no application hears of it in time. So in
its workers a thread waits for the signal, closes the sockets, and passes the signal on. Other servers close
sockets themselves (uvicorn: 1012), or have the application do it when its lifespan ends (``drain``).
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading

from better_auth.conf import auth_settings
from better_auth.websocket.open_sockets import OpenSockets, all_open

logger = logging.getLogger("better_auth.websocket")

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
WORKER_OF_GRANIAN = "granian-worker"
# For the threads to be scheduled.
MARGIN_SECONDS = 1.0


async def drain() -> None:
    """Close all sockets of the running event loop, within ``DRAIN_SECONDS``."""
    await asyncio.gather(*(sockets.drain() for sockets in all_open() if sockets.is_here()))


def before_granian_stops() -> None:
    """Once, before its worker has other threads; does nothing in any other process."""
    if multiprocessing.current_process().name != WORKER_OF_GRANIAN or not hasattr(signal, "sigwait"):
        return
    # Threads that are started later have the same signals held back.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    threading.Thread(target=_wait, name="better-auth-draining", daemon=True).start()


def _wait() -> None:
    heard = signal.sigwait(SIGNALS)
    try:
        for sockets in all_open():
            _drain(sockets)
    except Exception:  # whatever it is, the server must stop
        logger.exception("open sockets could not be closed")
    finally:
        # From this thread on it reaches whoever handles it; a second one, too.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.kill(os.getpid(), heard)
        threading.Event().wait()


def _drain(sockets: OpenSockets) -> None:
    if not len(sockets):
        sockets.is_draining = True
        return
    done = asyncio.run_coroutine_threadsafe(sockets.drain(), sockets.loop)
    done.result(auth_settings.websocket.drain_seconds + MARGIN_SECONDS)
