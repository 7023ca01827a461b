"""Marks that outrun the cookie cache: "this session", or "all of this user's sessions before T", is dead.

Only a signed copy of a session in a cookie needs them; whoever reads the store sees the row gone. They live
in Django's default cache for as long as a copy may be good.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.core.cache import cache
from django.db import transaction

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import token_digest

logger = logging.getLogger("better_auth.sessions")

# jwt and jwe copies of a session that is not remembered live this long, whatever max_age says.
SHORTEST_LIFETIME = 300


def mark_session(session_id: str) -> None:
    """This session's copies are dead from the commit on."""
    _mark_on_commit(_session_key(session_id), lambda: 1)


def mark_user(user_id: str) -> None:
    """Copies of sessions of this user that were made until the commit are dead from then on."""
    _mark_on_commit(_user_key(user_id), lambda: clock.epoch_ms(clock.now()))


def is_revoked(*, session_id: str, user_id: str, copied_at_ms: int) -> bool:
    """A cache that does not answer counts as revoked: then the store decides."""
    try:
        marks = cache.get_many([_session_key(session_id), _user_key(user_id)])
    except Exception as fault:  # any cache backend's own kind of failure
        logger.warning("cache unavailable, cookie cache bypassed: %s", type(fault).__name__)
        return True
    if _session_key(session_id) in marks:
        return True
    before = marks.get(_user_key(user_id))
    return before is not None and copied_at_ms <= before


def _mark_on_commit(key: str, value: Callable[[], int]) -> None:
    if not auth_settings.session.cookie_cache.enabled:
        return
    lifetime = max(auth_settings.session.cookie_cache.max_age, SHORTEST_LIFETIME)
    transaction.on_commit(lambda: cache.set(key, value(), lifetime + 60), robust=True)


def _session_key(session_id: str) -> str:
    return f"better-auth:revoked:session:{token_digest(session_id)}"


def _user_key(user_id: str) -> str:
    return f"better-auth:revoked:user:{token_digest(user_id)}"
