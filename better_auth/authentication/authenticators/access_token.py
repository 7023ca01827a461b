"""``Authorization: Bearer`` with an opaque access token of ``POST /token``.

Like a JWT it speaks for the user alone; unlike one it ends with its refresh token and its session.
"""

from __future__ import annotations

from typing import Any

from better_auth import access_tokens, refresh_tokens, sessions
from better_auth.authentication.credentials import Credentials, InvalidBearer
from better_auth.authentication.principal import Principal
from better_auth.crypto.jose import InvalidToken
from better_auth.events import AuthMethod


def authenticate(credentials: Credentials) -> Principal | None:
    """None for a token of another shape. Raises ``InvalidBearer``; what we have not made costs no look-up."""
    if not credentials.bearer or credentials.for_session:
        return None
    try:
        token = access_tokens.read_opaque(credentials.bearer)
    except InvalidToken:
        raise InvalidBearer from None
    if token is None:
        return None
    grant = refresh_tokens.find_by_id(token.grant_id, from_store=credentials.from_store)
    found = sessions.find_living(grant.session_hash, from_store=credentials.from_store) if grant else None
    if found is None:
        raise InvalidBearer
    session, user = found
    claims: dict[str, Any] = {"exp": token.expires_at, "sid": session.id}
    if session.impersonated_by:
        claims["act"] = {"sub": session.impersonated_by}
    return Principal(user, None, AuthMethod.ACCESS_TOKEN, claims=claims)
