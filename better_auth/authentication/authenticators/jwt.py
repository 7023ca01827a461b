"""``Authorization: Bearer`` with a JWT that we have signed.

It speaks for the user, not for a session: endpoints of the protocol, which act on sessions, don't take it.
"""

from __future__ import annotations

from better_auth import access_tokens, clock, sessions, users
from better_auth.authentication.credentials import Credentials, InvalidBearer
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.crypto.jose import InvalidToken
from better_auth.crypto.jwt_reading import Claims, is_for
from better_auth.events import AuthMethod
from better_auth.storage.records import UserRecord


def authenticate(credentials: Credentials) -> Principal | None:
    """None for what is no JWT of ours, by its shape and the key that it names. Raises ``InvalidBearer``."""
    bearer = credentials.bearer
    if not bearer or credentials.for_session or "." not in bearer or "jwt" not in auth_settings.features:
        return None
    try:
        claims = access_tokens.verify_jwt_again(bearer)
    except InvalidToken:
        raise InvalidBearer from None
    if claims is None:
        return None
    if not credentials.any_audience and not is_for(claims, access_tokens.audience()):
        raise InvalidBearer
    user = find_owner(claims, from_store=credentials.from_store)
    if user is None:
        raise InvalidBearer
    return Principal(user, None, AuthMethod.JWT, claims=claims)


def find_owner(claims: Claims, *, from_store: bool = False) -> UserRecord | None:
    """Whom verified claims are about, unless they are shut out, or the session that is named is over; as of
    at most some seconds ago, or with ``from_store`` as of now."""
    session_id = claims.get("sid")
    if session_id is None:
        find = users.find_by_id if from_store else users.find_remembered
        user = find(claims["sub"])
        return None if user is None or user.is_shut_out(clock.now()) else user
    found = sessions.find_living_by_id(str(session_id), from_store=from_store)
    return found[1] if found and found[1].id == claims["sub"] else None
