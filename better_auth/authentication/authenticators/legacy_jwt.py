"""``Authorization: Bearer`` with a token of djangorestframework-simplejwt, by the host's ``SIMPLE_JWT``.

Not asked by default: a host that moves from simplejwt to us lists it in ``AUTHENTICATORS``, before the one
that takes session tokens, as long as old tokens are out.
"""

from __future__ import annotations

from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken
from rest_framework_simplejwt.settings import api_settings

from better_auth import clock, users
from better_auth.authentication.credentials import Credentials, InvalidBearer
from better_auth.authentication.principal import Principal
from better_auth.crypto.jwt_reading import is_jwt
from better_auth.events import AuthMethod

TOLD = ("exp", "iat", "jti")


def authenticate(credentials: Credentials) -> Principal | None:
    """None for what simplejwt does not verify as an access token. Like a JWT of ours it speaks for the user
    alone. Raises ``InvalidBearer`` where there is no such user, or they are shut out."""
    bearer = credentials.bearer
    if not bearer or credentials.for_session or not is_jwt(bearer):
        return None
    simple = JWTAuthentication()
    try:
        token = simple.get_validated_token(bearer.encode("utf-8", "replace"))
    except InvalidToken:
        return None
    if "\x00" in str(token.payload.get(api_settings.USER_ID_CLAIM)):  # PostgreSQL has no such text
        raise InvalidBearer
    try:
        row = simple.get_user(token)
    except (AuthenticationFailed, ValueError, TypeError):  # a claim that is no key of the host's table
        raise InvalidBearer from None
    user = users.find_by_key(row.pk)
    if user is None or user.is_shut_out(clock.now()):
        raise InvalidBearer
    # Its ``iss`` and ``aud`` are those of another system.
    claims = {name: token.payload[name] for name in TOLD if name in token.payload}
    return Principal(user, None, AuthMethod.LEGACY_JWT, claims=claims)
