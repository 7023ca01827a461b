"""The codes of the two-factor plugin. Source: two-factor.md, section 6."""

from __future__ import annotations

from enum import Enum

from better_auth.errors import AuthError, BadRequest


class Code(Enum):
    """The member's name is the code on the wire, its value the message."""

    OTP_NOT_CONFIGURED = "OTP is not available"
    OTP_HAS_EXPIRED = "OTP has expired"
    TOTP_NOT_ENABLED = "TOTP not enabled"
    TOTP_ALREADY_ENABLED = "TOTP is already enabled"
    TOTP_NOT_CONFIGURED = "TOTP is not available"
    TWO_FACTOR_NOT_ENABLED = "Two factor isn't enabled"
    BACKUP_CODES_NOT_ENABLED = "Backup codes aren't enabled"
    INVALID_BACKUP_CODE = "Invalid backup code"
    INVALID_CODE = "Invalid code"
    TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE = "Too many attempts. Please request a new code."
    ACCOUNT_TEMPORARILY_LOCKED = (
        "Too many failed verification attempts. Your account is temporarily locked. Please try again later."
    )
    INVALID_TWO_FACTOR_COOKIE = "Invalid two factor cookie"


class Locked(AuthError):
    """Nothing is looked at for a while, right or wrong."""

    status = 429

    def __init__(self) -> None:
        super().__init__(Code.ACCOUNT_TEMPORARILY_LOCKED)


class ChallengeSpent(BadRequest):
    """Too many guesses for one password: it has to be given again."""

    def __init__(self) -> None:
        super().__init__(Code.TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE)
