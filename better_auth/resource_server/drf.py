"""For views of Django REST framework in a service that trusts an auth server elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from better_auth.errors import AuthServerUnavailable
from better_auth.resource_server.authentication import CHALLENGE, INVALID_TOKEN, TokenRefused, authenticate
from better_auth.resource_server.middleware import shown_token
from better_auth.resource_server.principal import Principal

if TYPE_CHECKING:
    # It imports the classes of DEFAULT_AUTHENTICATION_CLASSES, which may be ours.
    from rest_framework.views import APIView


class Unavailable(APIException):
    """503; REST framework makes ``Retry-After`` of ``wait``."""

    status_code = 503
    default_code = "AUTH_SERVER_UNAVAILABLE"

    def __init__(self, fault: AuthServerUnavailable) -> None:
        super().__init__(str(fault))
        self.wait = fault.retry_after


class TokenAuthentication(BaseAuthentication):
    """``request.user`` is the token's user, ``request.auth`` the ``Principal``; without a token nobody.

    A bad token is 401 with ``WWW-Authenticate`` (RFC 6750); one that only the auth server could judge, while
    it can't be asked, is 503 with ``Retry-After``. It needs no middleware.
    """

    def authenticate(self, request: Request) -> tuple[Any, Principal] | None:
        http_request: Any = request._request
        token = shown_token(http_request)
        if not token:
            return None
        try:
            principal = authenticate(token)
        except TokenRefused:
            # REST framework asks another instance for the header.
            http_request.better_auth_challenge = INVALID_TOKEN
            raise AuthenticationFailed("Invalid token.", code="UNAUTHORIZED") from None
        except AuthServerUnavailable as fault:
            raise Unavailable(fault) from None
        return self.user_of(principal), principal

    def user_of(self, principal: Principal) -> Any:
        """A service with users of its own finds them here, and raises ``AuthenticationFailed`` for others."""
        return principal.user

    def authenticate_header(self, request: Request) -> str:
        return str(getattr(request._request, "better_auth_challenge", CHALLENGE))


class IsSignedIn(BasePermission):
    message = "Sign in first."
    code = "UNAUTHORIZED"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, Principal)


class HasVerifiedEmail(IsSignedIn):
    """As far as the token tells, or the auth server of it."""

    message = "Email not verified"
    code = "EMAIL_NOT_VERIFIED"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, Principal) and request.auth.user.email_verified


class HasScopes(IsSignedIn):
    """The view names them: ``required_scopes = ("invoices:read",)``."""

    message = "The token does not reach so far."
    code = "insufficient_scope"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, Principal) and request.auth.scopes >= set(view.required_scopes)  # type: ignore[attr-defined]
