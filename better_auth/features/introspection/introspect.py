"""What a token stands for. Source: RFC 7662, section 2.2.

Every token that a bearer may show is asked of the same authenticators as at the doors, so whatever they learn
to know is known here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from better_auth import access_tokens, clock
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.pipeline import authenticate
from better_auth.authentication.principal import Principal
from better_auth.crypto.jwt_reading import is_for
from better_auth.events import observe
from better_auth.legacy_credentials.schemes import SESSIONS, is_on, rules_of
from better_auth.storage.records import SessionRecord

# Nothing more is said of a token that is not good, be it unknown, over, or somebody else's.
INACTIVE: Mapping[str, Any] = {"active": False}
CLAIMS = ("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "scope", "act")


def introspect(token: str, *, asked_by: str | None) -> Mapping[str, Any]:
    """The answer for the service with this name, or for nobody in particular. Writes nothing, and prolongs
    nothing, but that it counts as a use of an API key."""
    shown = Credentials(bearer=token, renew=False, read_only=True, any_audience=True, any_kind=True)
    principal = _find(shown) or _find_by_session_key(token, shown)
    is_active = principal is not None and _may_know(asked_by, principal)
    observe("introspection", "active" if is_active else "inactive")
    return _describe(principal) if principal and is_active else INACTIVE


def _find(shown: Credentials) -> Principal | None:
    try:
        return authenticate(shown)
    except InvalidCredentials:
        return None


def _find_by_session_key(token: str, shown: Credentials) -> Principal | None:
    """The former system's sessions are known by a cookie; a service has but its value to ask about."""
    if not is_on(SESSIONS):
        return None
    return _find(replace(shown, bearer=None, cookies={rules_of(SESSIONS).cookie_name: token}))


def _may_know(name: str | None, principal: Principal) -> bool:
    """A token that was made for one audience is no other's affair."""
    claims = principal.claims or {}
    names = (access_tokens.audience(), *([name] if name else []))
    return claims.get("aud") is None or is_for(claims, *names)


def _describe(principal: Principal) -> dict[str, Any]:
    of_server = {"iss": access_tokens.issuer(), "aud": access_tokens.audience()}
    of_session = _of_session(principal.session) if principal.session else {}
    claims = {**of_server, **of_session, **(principal.claims or {}), "sub": principal.user.id}
    return {
        "active": True,
        "token_type": "Bearer",
        "method": principal.method,
        "username": principal.user.email,
        "name": principal.user.name,
        "email_verified": principal.user.email_verified,
        **{name: claims[name] for name in CLAIMS if name in claims},
    }


def _of_session(session: SessionRecord) -> dict[str, Any]:
    return {
        "sid": session.id,
        **({"act": {"sub": session.impersonated_by}} if session.impersonated_by else {}),
        "iat": clock.epoch_ms(session.created_at) // 1000,
        "exp": clock.epoch_ms(session.expires_at) // 1000,
    }
