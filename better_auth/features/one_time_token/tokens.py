"""Tokens that stand for a session, once and for some minutes.

Source: jwt-bearer-multisession.md, section 4. What rests is the digest of the token and, sealed under a key
that only the token yields, the session's own: whoever reads the database can open neither.
"""

from __future__ import annotations

from django.db import transaction

from better_auth import sessions, verifications
from better_auth.conf import auth_settings
from better_auth.crypto.envelopes import Undecryptable, decrypt, encrypt
from better_auth.crypto.identifiers import ALPHANUMERIC, derive_key, random_string
from better_auth.errors import BadRequest
from better_auth.events import Client, SessionHandedOver, publish
from better_auth.sessions import IssuedSession
from better_auth.verifications import Purpose

FEATURE = "one_time_token"
SEALED = "session"
TOKEN_LENGTH = 32


def is_on() -> bool:
    return FEATURE in auth_settings.features


def ensure_clients_may_ask() -> None:
    """Raises ``BadRequest`` where only the host's own code makes tokens."""
    if auth_settings.one_time_token.disable_client_request:
        raise BadRequest(message="Client requests are disabled")


def generate(issued: IssuedSession) -> str:
    """A token for this session, good once and for some minutes: 32 characters of ``[a-zA-Z0-9]``."""
    token = random_string(TOKEN_LENGTH, ALPHANUMERIC)
    verifications.issue(
        purpose=Purpose.ONE_TIME_TOKEN,
        token=token,
        subject=issued.user.id,
        expires_in=auth_settings.one_time_token.expires_in_minutes * 60,
        payload={SEALED: encrypt(issued.token, secret=_sealing_secret(token))},
    )
    return token


def verify(token: str, *, client: Client) -> IssuedSession:
    """Spend the token, whatever comes of it, and give the session that it stands for; no new one is made.

    Of any number of parallel tries one gets it. Raises ``BadRequest``.
    """
    spent = verifications.consume(purpose=Purpose.ONE_TIME_TOKEN, token=token)
    if spent is None:
        raise BadRequest(message="Invalid token")
    try:
        session_token = decrypt(str(spent.payload.get(SEALED, "")), secret=_sealing_secret(token))
    except Undecryptable:  # the application's secret is another one now
        raise BadRequest(message="Invalid token") from None
    resumed = sessions.resume(session_token, renew=False, read_only=True, from_store=True)
    if resumed is None:
        is_there = sessions.find(session_token) is not None
        raise BadRequest(message="Session expired" if is_there else "Session not found")
    with transaction.atomic():
        publish(SessionHandedOver(client=client, subject_id=resumed.user.id, session_id=resumed.session.id))
    return IssuedSession(resumed.session, resumed.user, session_token)


def _sealing_secret(token: str) -> str:
    """Not the token itself: a plain hash of it is what the database holds."""
    return derive_key(f"{auth_settings.secret}:{token}", "one-time-token").hex()
