"""A one-time token beside each session that is handed out, where the settings want one."""

from __future__ import annotations

import logging

from django.db import DatabaseError

from better_auth.conf import auth_settings
from better_auth.features.one_time_token import tokens
from better_auth.http.reply import Reply
from better_auth.sessions import IssuedSession

logger = logging.getLogger("better_auth.http")


def deliver(issued: IssuedSession, reply: Reply) -> None:
    """In the header ``set-ott``, for scripts of a front end that hands the session on."""
    if not tokens.is_on() or not auth_settings.one_time_token.set_header_on_new_sessions:
        return
    try:
        reply.expose("set-ott", tokens.generate(issued))
    except DatabaseError as fault:  # the session is there: the sign-in stands
        logger.error("a session goes without a one-time token: %s", type(fault).__name__)
