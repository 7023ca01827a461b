"""Access and refresh tokens: given for a session or a password, and for a refresh token.

Source: RFC 6749, sections 4.3 and 6; RFC 9700, section 4.14.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from django.db import transaction

from better_auth import refresh_tokens, sessions
from better_auth.errors import ErrorCode, OAuthError
from better_auth.events import Client, RefreshTokenReused, publish
from better_auth.refresh_tokens import RefreshGrant, Reused, Rotated
from better_auth.storage.records import SessionRecord, UserRecord


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """Who may have an access token, and the refresh token to go with it."""

    user: UserRecord
    session: SessionRecord
    refresh: Rotated


def grant_for_session(user: UserRecord, session: SessionRecord) -> TokenGrant:
    """A new family for a session that lives anyway."""
    return TokenGrant(user, session, refresh_tokens.issue(session))


def grant_for_sign_in(user: UserRecord, session: SessionRecord) -> TokenGrant:
    """A new family that owns the session: nobody else was told its token."""
    return TokenGrant(user, session, refresh_tokens.issue(session, owns_session=True))


def refresh(token: str, *, client: Client) -> TokenGrant:
    """The next refresh token. The session behind it is prolonged as by any use.

    A token that was used before, and not just now, ends its family: one of those who hold it has stolen it.
    Raises ``OAuthError`` (``invalid_grant``), which tells nothing more.
    """
    outcome = refresh_tokens.rotate(token)
    if isinstance(outcome, Reused):
        _end_family(outcome.grant, client=client)
    if not isinstance(outcome, Rotated):
        _refuse()
    resumed = sessions.resume_by_digest(outcome.grant.session_hash, from_store=True)
    if resumed is None:
        _refuse()
    return TokenGrant(resumed.user, resumed.session, outcome)


def _end_family(grant: RefreshGrant, *, client: Client) -> None:
    resumed = sessions.resume_by_digest(grant.session_hash, read_only=True, from_store=True)
    with transaction.atomic():
        if not refresh_tokens.revoke(grant):
            return  # another request met it first, and has said so
        if resumed is not None and grant.owns_session:
            sessions.revoke(resumed.session, resumed.user)
        publish(
            RefreshTokenReused(
                client=client,
                subject_id=resumed.user.id if resumed else "",
                session_id=resumed.session.id if resumed else "",
            )
        )


def _refuse() -> NoReturn:
    raise OAuthError("invalid_grant", ErrorCode.INVALID_REFRESH_TOKEN)
