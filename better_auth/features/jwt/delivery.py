"""A refresh token beside the session token, where the settings want one in sign-in answers."""

from __future__ import annotations

import logging

from django.db import DatabaseError

from better_auth import refresh_tokens
from better_auth.conf import auth_settings
from better_auth.http.reply import Reply
from better_auth.sessions import IssuedSession

logger = logging.getLogger("better_auth.http")


def deliver(issued: IssuedSession, reply: Reply) -> None:
    """Only into an answer that gives the session's token away itself: not at renewals."""
    if auth_settings.tokens.in_sign_in_answers:
        add_refresh_token(issued, reply)


def add_refresh_token(issued: IssuedSession, reply: Reply) -> None:
    """Once, and only where the answer shows the session's own token."""
    if not isinstance(reply.body, dict) or reply.body.get("token") != issued.token:
        return
    if "refresh_token" in reply.body:
        return
    try:
        reply.body["refresh_token"] = refresh_tokens.issue(issued.session).token
    except DatabaseError as fault:  # the session is there, and its cookie too: the sign-in stands
        logger.error("a sign-in goes without a refresh token: %s", type(fault).__name__)
