"""A cookie of its own for each session that a device is given."""

from __future__ import annotations

import logging

from django.db import DatabaseError

from better_auth.features.multi_session import device
from better_auth.http import device_sessions
from better_auth.http.reply import Reply
from better_auth.sessions import IssuedSession

logger = logging.getLogger("better_auth.http")


def deliver(issued: IssuedSession, reply: Reply) -> None:
    """Keep the session at the device beside those of other users; the cookie lives on as the session does.

    A session in which an administrator acts for somebody is not kept, nor does it end that person's own.
    """
    if not device_sessions.is_on() or issued.session.impersonated_by:
        return
    kept = device_sessions.tokens_in(reply.request_cookies)
    if issued.token in kept:
        device_sessions.keep(reply, issued.token)
        return
    try:
        arrival = device.arrive(issued, kept)
    except DatabaseError as fault:  # the session is there, and its cookie too: the sign-in stands
        logger.error("a session is not kept beside the others: %s", type(fault).__name__)
        return
    for token in arrival.gone:
        device_sessions.drop(reply, token)
    if arrival.is_kept:
        device_sessions.keep(reply, issued.token)
