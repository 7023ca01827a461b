"""Whoever was anonymous and signs in with a name is linked, whatever the way in."""

from __future__ import annotations

import logging

from django.db import DatabaseError

from better_auth.features.anonymous import linking
from better_auth.features.anonymous.sign_in import is_on
from better_auth.http import anonymous_session
from better_auth.http.reply import Reply
from better_auth.sessions import IssuedSession

logger = logging.getLogger("better_auth.http")


def deliver(issued: IssuedSession, reply: Reply) -> None:
    """Only at the endpoints that sign in: changing between sessions links nobody."""
    if not is_on() or not anonymous_session.is_sign_in(reply.request_path):
        return
    try:
        for token in anonymous_session.tokens_in(reply):
            anonymous = linking.find_anonymous(token) if token != issued.token else None
            if anonymous is not None:
                linking.link(anonymous, issued)
                break
    except DatabaseError as fault:  # the session is there: the sign-in stands
        logger.error("an anonymous user is not linked: %s", type(fault).__name__)
        return
    anonymous_session.drop(reply)
