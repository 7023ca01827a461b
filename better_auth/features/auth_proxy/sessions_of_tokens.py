"""Which session a token stands for, whatever kind of token it is."""

from __future__ import annotations

from better_auth import refresh_tokens, sessions
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.pipeline import authenticate
from better_auth.errors import ErrorCode, OAuthError
from better_auth.storage.records import SessionRecord, UserRecord

Found = tuple[SessionRecord, UserRecord]


def session_behind(token: str) -> Found | None:
    """The living session of a session token, an access token or a refresh token; None where there is none.

    Raises ``OAuthError`` for a token that is good and names no session: it can't be ended before its time.
    """
    grant = refresh_tokens.find(token)
    if grant is not None:
        resumed = sessions.resume_by_digest(grant.session_hash, read_only=True, from_store=True)
        return (resumed.session, resumed.user) if resumed else None
    shown = Credentials(bearer=token, renew=False, read_only=True, from_store=True, any_audience=True)
    try:
        principal = authenticate(shown)
    except InvalidCredentials:
        return None
    if principal is None:
        return None
    if principal.session is not None:
        return principal.session, principal.user
    session_id = (principal.claims or {}).get("sid")
    if not session_id:
        raise OAuthError("unsupported_token_type", ErrorCode.UNSUPPORTED_TOKEN_TYPE)
    return sessions.find_living_by_id(str(session_id))
