"""What somebody can reach who has yet to set up the second factor that they must have."""

from __future__ import annotations

from better_auth.authentication.principal import Principal
from better_auth.errors import ErrorCode, Forbidden

# Signing in and out, whatever proves who they are, and the enrolment itself; as beginnings of paths.
OPEN = (
    "/get-session",
    "/sign-in/",
    "/sign-up/",
    "/sign-out",
    "/two-factor/",
    "/passkey/",
    "/verify-password",
    "/verify-email",
    "/send-verification-email",
    "/multi-session/",
    "/ok",
    "/error",
)


def ensure_enrolled(path: str, principal: Principal) -> None:
    """Raises ``TWO_FACTOR_REQUIRED`` (403) for an operation at this path."""
    if principal.must_enrol and not path.startswith(OPEN):
        raise Forbidden(ErrorCode.TWO_FACTOR_REQUIRED)
