"""``Authorization: Bearer`` with a session token, signed or bare.

Source: sessions-and-cookies.md, section 6.
"""

from __future__ import annotations

from better_auth.authentication.authenticators.session_cookie import principal_of
from better_auth.authentication.credentials import BearerEnded, Credentials, InvalidBearer
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.crypto.signing import unsign_value
from better_auth.events import AuthMethod

LONGEST_TOKEN = 512


def authenticate(credentials: Credentials) -> Principal | None:
    """Last of those that take a bearer: what none before it has claimed must be a session's token.

    Raises ``InvalidBearer`` or ``BearerEnded``.
    """
    bearer = credentials.bearer
    if not bearer or "bearer" not in auth_settings.features:
        return None
    token = session_token(bearer)
    if token is None:
        raise InvalidBearer
    principal = principal_of(token, credentials, AuthMethod.BEARER)
    if principal is None:
        raise BearerEnded
    return principal


def session_token(bearer: str) -> str | None:
    """The bare token; of a signed one only if the signature is ours."""
    if len(bearer) > LONGEST_TOKEN:
        return None
    if "." in bearer or "%" in bearer:
        return unsign_value(bearer, secret=auth_settings.secret)
    return bearer
