"""Who shows this bearer token: the one rule behind the middleware and the authentication of REST framework.

It knows three answers, and no fourth: a ``Principal``; ``TokenRefused``; and ``AuthServerUnavailable`` where
only the auth server could tell, and can't be asked.
"""

from __future__ import annotations

import re
from typing import Literal

from better_auth.conf import auth_settings
from better_auth.crypto.jose import InvalidToken
from better_auth.crypto.jwt_reading import LONGEST_JWT, is_jwt
from better_auth.errors import AuthServerUnavailable, ErrorCode, Unauthorized
from better_auth.events import observe
from better_auth.resource_server import introspection, local_verification
from better_auth.resource_server.principal import Principal
from better_auth.resource_server.waiting import Rules, afollow, follow

# Session tokens have 32 characters, signed ones some 90, keys may have some more (RFC 6750: b64token; a
# signed session token may come percent-encoded).
OPAQUE = re.compile(r"[A-Za-z0-9._~+/%-]{16,512}=*")
Kind = Literal["jwt", "opaque", "none"]

CHALLENGE = 'Bearer realm="api"'
INVALID_TOKEN = CHALLENGE + ', error="invalid_token"'


class TokenRefused(Unauthorized):
    """The token is no good here, for whatever reason (RFC 6750, section 3.1)."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.UNAUTHORIZED, headers={"WWW-Authenticate": INVALID_TOKEN})


def authenticate(token: str) -> Principal:
    """Raises ``TokenRefused`` and ``AuthServerUnavailable``; on an event loop ``SynchronousOnlyOperation``,
    where the auth server has to be asked."""
    kind = _kind_of(token)
    try:
        principal = _at_once(token, kind)
        if principal is None:
            principal = follow(_rules(token, kind))
    except (InvalidToken, AuthServerUnavailable) as fault:
        raise _counted(kind, fault) from None
    observe("resource_token", kind, "accepted")
    return principal


async def aauthenticate(token: str) -> Principal:
    """As ``authenticate``, on the running event loop."""
    kind = _kind_of(token)
    try:
        principal = _at_once(token, kind)
        if principal is None:
            principal = await afollow(_rules(token, kind))
    except (InvalidToken, AuthServerUnavailable) as fault:
        raise _counted(kind, fault) from None
    observe("resource_token", kind, "accepted")
    return principal


def _kind_of(token: str) -> Kind:
    """By the shape alone."""
    if len(token) > LONGEST_JWT or not token.isascii():
        return "none"
    if is_jwt(token):
        return "jwt"
    # One dot parts a session's token from its signature; four make an encrypted JWT, which nobody gives out.
    return "opaque" if token.count(".") < 2 and OPAQUE.fullmatch(token) else "none"


def _at_once(token: str, kind: Kind) -> Principal | None:
    """Nearly always; None where something has to be waited for."""
    if kind == "none":
        raise InvalidToken("no token")
    if kind == "jwt":
        return local_verification.verify_at_once(token)
    return introspection.verify_at_once(token)


def _rules(token: str, kind: Kind) -> Rules[Principal]:
    if kind == "jwt":
        verified = yield from local_verification.verify(token)
        if verified is not None:
            return verified
        local_verification.ensure_worth_introspecting(token)
    if not auth_settings.auth_server.client_id or not auth_settings.auth_server.client_secret:
        raise InvalidToken("we have no name to ask by")
    return (yield from introspection.verify(token))


def _counted(kind: Kind, fault: InvalidToken | AuthServerUnavailable) -> TokenRefused | AuthServerUnavailable:
    """What the caller is told: not why a token is no good."""
    if isinstance(fault, AuthServerUnavailable):
        observe("resource_token", kind, "undecided")
        return fault
    observe("resource_token", kind, "refused")
    return TokenRefused()
