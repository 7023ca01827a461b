"""End what a token stands for. Source: RFC 7009.

Whoever holds a token may end it: that takes nothing that the holder could not do anyway.
"""

from __future__ import annotations

from django.db import transaction

from better_auth import access_tokens, refresh_tokens, sessions
from better_auth.authentication.authenticators.bearer import session_token
from better_auth.crypto.jose import InvalidToken
from better_auth.errors import ErrorCode, OAuthError
from better_auth.events import Client, RefreshTokenRevoked, SessionRevoked, publish
from better_auth.refresh_tokens import RefreshGrant


def revoke(token: str, *, client: Client) -> None:
    """A refresh token ends its family, an access token the family that it came with, a session token the
    session. A token that is unknown or over is as good as revoked.

    Raises ``OAuthError`` for a JWT of ours: those who verify it by the key set would not hear of it.
    """
    grant = refresh_tokens.find(token) or _grant_of_access_token(token)
    if grant is not None:
        _end_grant(grant, client=client)
    elif _is_own_jwt(token):
        raise OAuthError("unsupported_token_type", ErrorCode.UNSUPPORTED_TOKEN_TYPE)
    else:
        _end_session(token, client=client)


def _grant_of_access_token(token: str) -> RefreshGrant | None:
    try:
        opaque = access_tokens.read_opaque(token)
    except InvalidToken:
        return None
    return refresh_tokens.find_by_id(opaque.grant_id) if opaque else None


def _is_own_jwt(token: str) -> bool:
    try:
        return access_tokens.verify_jwt(token) is not None
    except InvalidToken:
        return False


def _end_grant(grant: RefreshGrant, *, client: Client) -> None:
    resumed = sessions.resume_by_digest(grant.session_hash, read_only=True, from_store=True)
    with transaction.atomic():
        if not refresh_tokens.revoke(grant):
            return
        if resumed is None:
            return
        if grant.owns_session:
            sessions.revoke(resumed.session, resumed.user)
        publish(RefreshTokenRevoked(client=client, subject_id=resumed.user.id, session_id=resumed.session.id))


def _end_session(shown: str, *, client: Client) -> None:
    token = session_token(shown)
    resumed = sessions.resume(token, read_only=True, from_store=True) if token else None
    if resumed is None:
        return
    with transaction.atomic():
        if sessions.revoke(resumed.session, resumed.user):
            publish(SessionRevoked(client=client, subject_id=resumed.user.id, session_id=resumed.session.id))
