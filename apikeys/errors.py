"""What can go wrong with API keys, in the protocol's words. Source: api-key.md, section 9."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from better_auth.authentication.credentials import InvalidCredentials


class ErrorCode(Enum):
    """The member's name is the code on the wire, its value the message."""

    INVALID_METADATA_TYPE = "metadata must be an object or undefined"
    REFILL_AMOUNT_AND_INTERVAL_REQUIRED = "refillAmount is required when refillInterval is provided"
    REFILL_INTERVAL_AND_AMOUNT_REQUIRED = "refillInterval is required when refillAmount is provided"
    UNAUTHORIZED_SESSION = "Unauthorized or invalid session"
    KEY_NOT_FOUND = "API Key not found"
    KEY_DISABLED = "API Key is disabled"
    KEY_EXPIRED = "API Key has expired"
    USAGE_EXCEEDED = "API Key has reached its usage limit"
    EXPIRES_IN_IS_TOO_SMALL = "The expiresIn is smaller than the predefined minimum value."
    EXPIRES_IN_IS_TOO_LARGE = "The expiresIn is larger than the predefined maximum value."
    INVALID_PREFIX_LENGTH = "The prefix length is either too large or too small."
    INVALID_NAME_LENGTH = "The name length is either too large or too small."
    METADATA_DISABLED = "Metadata is disabled."
    RATE_LIMITED = "Rate limit exceeded."
    NO_VALUES_TO_UPDATE = "No values to update."
    KEY_DISABLED_EXPIRATION = "Custom key expiration values are disabled."
    INVALID_API_KEY = "Invalid API key."
    INVALID_REFERENCE_ID_FROM_API_KEY = "The reference id from the API key is invalid."
    SERVER_ONLY_PROPERTY = (
        "The property you're trying to set can only be set from the server auth instance only."
    )
    NAME_REQUIRED = "API Key name is required."
    ORGANIZATION_ID_REQUIRED = "Organization ID is required for organization-owned API keys."
    USER_NOT_MEMBER_OF_ORGANIZATION = "You are not a member of the organization that owns this API key."
    INSUFFICIENT_API_KEY_PERMISSIONS = (
        "You do not have permission to perform this action on organization API keys."
    )
    NO_DEFAULT_API_KEY_CONFIGURATION_FOUND = "No default api-key configuration found."
    ORGANIZATION_PLUGIN_REQUIRED = (
        "Organization plugin is required for organization-owned API keys. "
        "Please install and configure the organization plugin."
    )


class KeyRefused(InvalidCredentials):
    """A key was shown, and it does not open anything now; ``status`` as the protocol has it.

    ``try_again_in``: milliseconds until a use will be allowed, where time alone will do.
    """

    def __init__(self, code: ErrorCode, *, status: int = 401, try_again_in: int | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.is_final = code is not ErrorCode.INVALID_API_KEY
        self.try_again_in = try_again_in
        self.retry_after = None if try_again_in is None else try_again_in / 1000

    @property
    def body(self) -> dict[str, Any]:
        details: Mapping[str, Any] = {}
        if self.try_again_in is not None:
            details = {"details": {"tryAgainIn": self.try_again_in}}
        return {**(super().body or {}), **details}
