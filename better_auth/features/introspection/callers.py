"""Who may ask about tokens: services that the settings give a secret, and holders of API keys."""

from __future__ import annotations

import hmac

from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.errors import ErrorCode, OAuthError
from better_auth.events import AuthMethod

# Nobody may look tokens up without it, a user's session does not count (RFC 7662, section 4).
CHALLENGE = {"WWW-Authenticate": 'Basic realm="introspection", charset="UTF-8"'}


def identify_service(secret: tuple[str, str] | None, principal: Principal | None) -> str:
    """The service's name: by ``(name, secret)`` as shown, or by an API key. Raises ``OAuthError``."""
    if secret is not None and is_service(*secret):
        return secret[0]
    if principal is not None and principal.method is AuthMethod.API_KEY:
        return principal.user.id
    raise OAuthError("invalid_client", ErrorCode.INVALID_CLIENT, status=401, headers=CHALLENGE)


def find_service(secret: tuple[str, str] | None, principal: Principal | None) -> str | None:
    """The same where services need not ask alone: None for who does not claim to be one.

    Raises ``OAuthError`` for a secret that is wrong."""
    is_key = principal is not None and principal.method is AuthMethod.API_KEY
    return identify_service(secret, principal) if secret is not None or is_key else None


def is_service(name: str, secret: str) -> bool:
    """Every entry is compared, so that time does not tell which names there are. A name has no colon."""
    shown = f"{name}:{secret}".encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(one.encode(), shown) for one in auth_settings.introspection.secrets]
    return any(matches) and ":" not in name
