"""What can go wrong, as the protocol names it.

The class is the status, the code is a member of a catalogue; ``http.reply`` renders both and nobody else
does. Source: core.md sections 0 and 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from math import ceil


class ErrorCode(Enum):
    """The core catalogue: the member's name is the code on the wire, its value the message."""

    UNAUTHORIZED = "Unauthorized"
    BAD_REQUEST = "Invalid JSON in request body"
    VALIDATION_ERROR = "Validation Error"
    UNSUPPORTED_MEDIA_TYPE = "Unsupported media type"
    PAYLOAD_TOO_LARGE = "Request body is too large"
    INTERNAL_SERVER_ERROR = "Internal Server Error"
    SERVICE_UNAVAILABLE = "The server is busy. Please try again in a moment."
    AUTH_SERVER_UNAVAILABLE = "The auth server can't be asked at the moment. Please try again."
    AUTH_SERVER_TIMEOUT = "The auth server takes too long. Please try again."
    AUTH_SERVER_MISBEHAVES = "The auth server's answer can't be used."
    HEADERS_TOO_LARGE = "Request headers are too large"
    NOT_FOUND = "Not found"
    USER_NOT_FOUND = "User not found"
    FAILED_TO_CREATE_USER = "Failed to create user"
    FAILED_TO_CREATE_SESSION = "Failed to create session"
    FAILED_TO_GET_SESSION = "Failed to get session"
    FAILED_TO_GET_USER_INFO = "Failed to get user info"
    INVALID_PASSWORD = "Invalid password"
    INVALID_EMAIL = "Invalid email"
    INVALID_EMAIL_OR_PASSWORD = "Invalid email or password"
    INVALID_USER = "Invalid user"
    INVALID_TOKEN = "Invalid token"
    TOKEN_EXPIRED = "Token expired"
    EMAIL_NOT_VERIFIED = "Email not verified"
    EMAIL_PASSWORD_DISABLED = "Email and password is not enabled"
    EMAIL_PASSWORD_SIGN_UP_DISABLED = "Email and password sign up is not enabled"
    PASSWORD_TOO_SHORT = "Password too short"
    PASSWORD_TOO_LONG = "Password too long"
    PASSWORD_COMPROMISED = (
        "The password you entered has been compromised. Please choose a different password."
    )
    PASSWORD_TOO_WEAK = "Password is too weak"
    USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL = "User already exists. Use another email."
    EMAIL_CAN_NOT_BE_UPDATED = "Email can not be updated"
    CHANGE_EMAIL_DISABLED = "Change email is disabled"
    CREDENTIAL_ACCOUNT_NOT_FOUND = "Credential account not found"
    SESSION_EXPIRED = "Session expired. Re-authenticate to perform this action."
    SESSION_NOT_FRESH = "Session is not fresh"
    FAILED_TO_UNLINK_LAST_ACCOUNT = "You can't unlink your last account"
    ACCOUNT_NOT_FOUND = "Account not found"
    PROVIDER_NOT_FOUND = "Provider not found"
    ACCESS_TOKEN_NOT_FOUND = "Access token not found"
    FAILED_TO_GET_ACCESS_TOKEN = "Failed to get a valid access token"
    FAILED_TO_REFRESH_ACCESS_TOKEN = "Failed to refresh access token"
    REFRESH_TOKEN_NOT_FOUND = "Refresh token not found"
    ID_TOKEN_NOT_SUPPORTED = "id_token not supported"
    USER_EMAIL_NOT_FOUND = "User email not found"
    OAUTH_LINK_ERROR = "account not linked"
    SOCIAL_ACCOUNT_ALREADY_LINKED = "Social account already linked"
    LINKING_NOT_ALLOWED = "Account not linked - linking not allowed"
    LINKING_DIFFERENT_EMAILS_NOT_ALLOWED = "Account not linked - different emails not allowed"
    LINKING_FAILED = "Account not linked - unable to create account"
    INVALID_OAUTH_CONFIGURATION = "Invalid OAuth configuration"
    PROVIDER_NOT_CONFIGURED = "Account is not associated with a configured social provider."
    PROVIDER_NOT_SUPPORTED = "Provider is not supported."
    CROSS_SITE_NAVIGATION_LOGIN_BLOCKED = (
        "Cross-site navigation login blocked. This request appears to be a CSRF attack."
    )
    RESET_PASSWORD_DISABLED = "Reset password isn't enabled"
    VERIFICATION_EMAIL_NOT_ENABLED = "Verification email isn't enabled"
    EMAIL_ALREADY_VERIFIED = "Email is already verified"
    EMAIL_MISMATCH = "Email mismatch"
    INVALID_ORIGIN = "Invalid origin"
    MISSING_OR_NULL_ORIGIN = "Missing or null Origin"
    INVALID_CALLBACK_URL = "Invalid callbackURL"
    INVALID_REDIRECT_URL = "Invalid redirectURL"
    INVALID_ERROR_CALLBACK_URL = "Invalid errorCallbackURL"
    INVALID_NEW_USER_CALLBACK_URL = "Invalid newUserCallbackURL"
    MISSING_FIELD = "Field is required"
    FIELD_NOT_ALLOWED = "Field not allowed to be set"
    METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED = (
        "POST method requires deferSessionRefresh to be enabled in session config"
    )
    PASSWORD_ALREADY_SET = "User already has a password set"
    BANNED_USER = "You have been banned from this application"
    NOT_ALLOWED_WHILE_IMPERSONATING = "Only the users themselves can do this"
    INVALID_REFRESH_TOKEN = "Invalid refresh token"
    INVALID_CLIENT = "Client authentication failed"
    UNSUPPORTED_GRANT_TYPE = "Grant type is not supported"
    UNSUPPORTED_TOKEN_TYPE = "Tokens of this type can't be revoked"
    LEGACY_TOKEN_INVALID = "This credential of the former system is not valid"
    LEGACY_TOKEN_EXPIRED = "This credential of the former system has expired"
    LEGACY_TOKEN_REVOKED = "This credential was revoked in the former system"
    LEGACY_TOKEN_EXCHANGED = "This credential was exchanged for a session already"
    LEGACY_TOKENS_ENDED = "Credentials of the former system are not taken any more"
    LEGACY_USER_NOT_MIGRATED = "This user of the former system is not here yet"
    LEGACY_USER_ROLLED_BACK = "This user was sent back to the former system"
    LEGACY_USER_BANNED = "This user may not sign in"
    LEGACY_USER_DELETED = "This user was deleted"
    LEGACY_SYSTEM_UNAVAILABLE = "The former system can't be asked at the moment. Please try again."
    STEP_UP_REQUIRED = "Sign in again to go on"
    ACCESS_DENIED = "Access denied"
    TWO_FACTOR_REQUIRED = "Set up a second factor to go on"


class AuthError(Exception):
    """A refusal that the client is told about. ``message`` replaces the catalogue's text."""

    status = 500

    def __init__(
        self,
        code: Enum | None = None,
        message: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code = code
        self.message = message if message is not None else (code.value if code else None)
        self.headers = dict(headers or {})
        super().__init__(self.message)

    @property
    def body(self) -> dict[str, str] | None:
        """``{message, code}``; some refusals have no code, and some no body at all (core.md, section 0)."""
        if self.message is None:
            return None
        return {"message": self.message} | ({"code": self.code.name} if self.code else {})


class BadRequest(AuthError):
    status = 400


class OAuthError(AuthError):
    """A refusal that OAuth clients read as well: ``error`` is of RFC 6749, section 5.2, or RFC 7009."""

    status = 400

    def __init__(
        self, error: str, code: Enum, *, status: int = 400, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code, headers=headers)
        self.error, self.status = error, status

    @property
    def body(self) -> dict[str, str]:
        return {"error": self.error, "error_description": self.message or "", **(super().body or {})}


class Unauthorized(AuthError):
    status = 401


class Forbidden(AuthError):
    status = 403


class NotFound(AuthError):
    status = 404


class MethodNotAllowed(AuthError):
    status = 405


class PayloadTooLarge(AuthError):
    status = 413


class UnsupportedMediaType(AuthError):
    status = 415


class HeadersTooLarge(AuthError):
    """RFC 6585, section 5."""

    status = 431


class TooManyRequests(AuthError):
    """``retry_after`` in seconds. No code and no ``Retry-After``: security-rules.md, section 3."""

    status = 429

    def __init__(self, *, retry_after: int) -> None:
        text = "Too many requests. Please try again later."
        super().__init__(message=text, headers={"X-Retry-After": str(retry_after)})


class Conflict(AuthError):
    status = 409


class ExpectationFailed(AuthError):
    status = 417


class Unprocessable(AuthError):
    status = 422


class ServerError(AuthError):
    status = 500


class ServiceUnavailable(AuthError):
    """Not now; ``retry_after`` in seconds (RFC 9110, section 10.2.3)."""

    status = 503

    def __init__(self, code: Enum = ErrorCode.SERVICE_UNAVAILABLE, *, retry_after: int = 1) -> None:
        self.retry_after = retry_after
        super().__init__(code, headers={"Retry-After": str(retry_after)})


class AuthServerUnavailable(ServiceUnavailable):
    """Only the auth server could tell, and it can't be asked: neither a yes nor a no."""

    def __init__(self, *, retry_after: float = 1) -> None:
        super().__init__(ErrorCode.AUTH_SERVER_UNAVAILABLE, retry_after=max(1, ceil(retry_after)))


class AuthServerMisbehaves(AuthError):
    """It has answered, and not as an auth server does."""

    status = 502

    def __init__(self) -> None:
        super().__init__(ErrorCode.AUTH_SERVER_MISBEHAVES)


class AuthServerTimeout(AuthError):
    """It was asked, and nobody knows whether it has done so; ``retry_after`` in seconds."""

    status = 504

    def __init__(self, *, retry_after: int = 1) -> None:
        super().__init__(ErrorCode.AUTH_SERVER_TIMEOUT, headers={"Retry-After": str(retry_after)})
