"""The codes of the passkey plugin. Source: passwordless.md, section 8."""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """The member's name is the code on the wire, its value the message."""

    CHALLENGE_NOT_FOUND = "Challenge not found"
    YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY = "You are not allowed to register this passkey"
    FAILED_TO_VERIFY_REGISTRATION = "Failed to verify registration"
    PASSKEY_NOT_FOUND = "Passkey not found"
    AUTHENTICATION_FAILED = "Authentication failed"
    USER_NOT_FOUND = "User not found"
    FAILED_TO_UPDATE_PASSKEY = "Failed to update passkey"
    RESOLVE_USER_REQUIRED = (
        "Passkey registration requires either an authenticated session or a resolveUser callback "
        "when requireSession is false"
    )
    RESOLVED_USER_INVALID = "Resolved user is invalid"
