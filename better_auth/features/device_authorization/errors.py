"""Refusals as OAuth clients read them. Source: RFC 8628, section 3.5; passwordless.md, section 9."""

from __future__ import annotations

from better_auth.errors import AuthError


class DeviceRefused(AuthError):
    """``error`` of RFC 6749 or RFC 8628 with a sentence, and neither code nor message."""

    status = 400

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(message=description)
        self.error, self.status = error, status

    @property
    def body(self) -> dict[str, str]:
        return {"error": self.error, "error_description": self.message or ""}


def invalid_user_code() -> DeviceRefused:
    return DeviceRefused("invalid_request", "Invalid user code")


def expired_user_code() -> DeviceRefused:
    return DeviceRefused("expired_token", "User code has expired")


def already_processed() -> DeviceRefused:
    return DeviceRefused("invalid_request", "Device code already processed")


def authentication_required() -> DeviceRefused:
    return DeviceRefused("unauthorized", "Authentication required", status=401)
