"""What the audit log learns of sockets: refusals, and sockets that were ended for a reason; on wish, all."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import close_old_connections

from better_auth.events import AuthMethod, Client, Event, SocketClosed, SocketOpened, SocketRefused, publish
from better_auth.websocket.closing import CloseCode, Ending, Refused
from better_auth.websocket.identity import Identity

logger = logging.getLogger("better_auth.websocket")

# Of one address and reason a process tells once in so long: anybody can be refused as often as they like.
PAUSE_SECONDS = 60.0
MOST_REMEMBERED = 10_000
# Ends that somebody may ask about later.
RECORDED = (CloseCode.POLICY, CloseCode.REVOKED, CloseCode.TOO_MANY_MESSAGES, CloseCode.TOO_LARGE)
_told: dict[tuple[str, str], float] = {}
_lock = threading.Lock()


def note_refusal(threads: ThreadPoolExecutor, client: Client, refusal: Refused) -> None:
    if refusal.close is not CloseCode.RESTART and _is_news(client.ip_address, refusal.code):
        details = {"reason": refusal.code.lower(), "close_code": int(refusal.close)}
        threads.submit(_publish, SocketRefused(client=client, details=details))


def note_opening(threads: ThreadPoolExecutor, client: Client, identity: Identity) -> None:
    threads.submit(_publish, SocketOpened(**_whose(client, identity)))


def note_closing(
    threads: ThreadPoolExecutor, client: Client, identity: Identity, ending: Ending | None
) -> None:
    details = {"close_code": int(ending.code), "reason": ending.reason} if ending else {"by": "client"}
    threads.submit(_publish, SocketClosed(**_whose(client, identity), details=details))


def _whose(client: Client, identity: Identity) -> dict[str, Any]:
    session = identity.principal.session
    return {
        "client": client,
        "subject_id": identity.user_id,
        "session_id": session.id if session is not None else "",
        "method": AuthMethod(identity.method),
    }


def _is_news(address: str, reason: str) -> bool:
    now = time.monotonic()
    with _lock:
        if now - _told.get((address, reason), float("-inf")) < PAUSE_SECONDS:
            return False
        if len(_told) >= MOST_REMEMBERED:
            _told.clear()
        _told[address, reason] = now
        return True


def _publish(event: Event) -> None:
    close_old_connections()
    try:
        publish(event)
    except Exception:  # the socket is closed already, and nobody waits for this
        logger.exception("%s could not be recorded", event.type)
    finally:
        close_old_connections()
