"""The signed session cookie. Source: sessions-and-cookies.md, sections 2 and 3."""

from __future__ import annotations

from better_auth import sessions
from better_auth.authentication.cookie_names import DONT_REMEMBER, SESSION_TOKEN, cookie_name
from better_auth.authentication.credentials import Credentials, SessionEnded
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.crypto.signing import unsign_value
from better_auth.events import AuthMethod


def authenticate(credentials: Credentials) -> Principal | None:
    """A cookie without our signature is no cookie; one of a dead session raises ``SessionEnded``."""
    token = signed_token(credentials)
    if token is None:
        return None
    principal = principal_of(token, credentials, AuthMethod.SESSION)
    if principal is None:
        raise SessionEnded
    return principal


def principal_of(token: str, credentials: Credentials, method: AuthMethod) -> Principal | None:
    """Who stands behind a session's token, however it was shown; None where it is dead."""
    renew = credentials.renew and not is_unremembered(credentials)
    resumed = sessions.resume(
        token, renew=renew, read_only=credentials.read_only, from_store=credentials.from_store
    )
    if resumed is None:
        return None
    return Principal(
        resumed.user,
        resumed.session,
        method,
        token=token,
        renewed=resumed.renewed,
        factors=resumed.session.factors,
    )


def signed_token(credentials: Credentials) -> str | None:
    """The session token that the cookie carries, if we signed it."""
    value = credentials.cookies.get(cookie_name(SESSION_TOKEN))
    return unsign_value(value, secret=auth_settings.secret) if value else None


def is_unremembered(credentials: Credentials) -> bool:
    """The client was told to forget the session with the browser; such a session is never renewed."""
    value = credentials.cookies.get(cookie_name(DONT_REMEMBER))
    return value is not None and unsign_value(value, secret=auth_settings.secret) == "true"
