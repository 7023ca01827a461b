"""For views of Django REST framework: who calls, and permissions on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from better_auth import clock, users
from better_auth.authentication.credentials import (
    BearerEnded,
    InvalidCredentials,
    SessionEnded,
)
from better_auth.authentication.pipeline import authenticate
from better_auth.authentication.principal import Principal
from better_auth.errors import AuthError, ErrorCode
from better_auth.events import AuthMethod
from better_auth.http import handover, known_keys, origin
from better_auth.http.credentials import from_request

if TYPE_CHECKING:
    # It imports the classes of DEFAULT_AUTHENTICATION_CLASSES, which may be ours.
    from rest_framework.views import APIView


# A browser sends these along, whoever has made it ask.
BY_COOKIE = (AuthMethod.SESSION, AuthMethod.LEGACY_SESSION)


class FormerSystemUnavailable(APIException):
    """Nobody can tell at the moment whether the credential is good."""

    status_code = 503


class BetterAuthentication(BaseAuthentication):
    """``request.user`` is the host's user, ``request.auth`` the ``Principal``.

    Bad credentials are 401 with ``WWW-Authenticate`` (RFC 6750); the cookie of a session that has ended is
    nobody's. A cookie that comes with a request which changes something must come from a trusted origin.
    Use prolongs a session only where ``BetterAuthMiddleware`` is installed, which renews its cookie.
    """

    realm = "api"

    def authenticate(self, request: Request) -> tuple[Any, Principal] | None:
        http_request: HttpRequest = request._request
        shown = from_request(http_request, renew=handover.is_heard(http_request))
        try:
            principal = known_keys.find(http_request, shown) or authenticate(shown)
        except InvalidCredentials as refusal:
            if isinstance(refusal, SessionEnded) and not isinstance(refusal, BearerEnded):
                return None
            if refusal.code is not ErrorCode.UNAUTHORIZED:
                raise _told(refusal) from None
            raise AuthenticationFailed("Invalid credentials.", code="UNAUTHORIZED") from None
        row = users.find_row(principal.user) if principal else None
        if principal is None or row is None:
            return None
        handover.tell(http_request, principal)
        if principal.must_enrol:
            code = ErrorCode.TWO_FACTOR_REQUIRED
            raise PermissionDenied({"detail": code.value, "code": code.name}, code=code.name)
        if principal.method in BY_COOKIE:
            self._ensure_origin(http_request)
        return row, principal

    def authenticate_header(self, request: Request) -> str:
        return f'Bearer realm="{self.realm}"'

    def _ensure_origin(self, request: HttpRequest) -> None:
        try:
            origin.ensure_origin(request)
        except AuthError as refusal:
            raise PermissionDenied(str(refusal), code=refusal.code.name if refusal.code else None) from None


def _told(refusal: InvalidCredentials) -> APIException:
    """With the code in the answer, for the client to act by."""
    fault: APIException = AuthenticationFailed()
    if refusal.status == Throttled.status_code:
        fault = Throttled(refusal.retry_after)
    elif refusal.status == FormerSystemUnavailable.status_code:
        fault = FormerSystemUnavailable()
    code = refusal.code.name if refusal.code else None
    fault.detail = APIException({"detail": refusal.message, "code": code}, code=code).detail
    return fault


class IsSignedIn(BasePermission):
    message = "Sign in first."
    code = "UNAUTHORIZED"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, Principal)


class IsFresh(IsSignedIn):
    """Signed in a short while ago (``SESSION.FRESH_AGE``)."""

    message = "Session is not fresh"
    code = "SESSION_NOT_FRESH"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, Principal) and request.auth.is_fresh(clock.now())


class HasVerifiedEmail(IsSignedIn):
    message = "Email not verified"
    code = "EMAIL_NOT_VERIFIED"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, Principal) and request.auth.user.email_verified
