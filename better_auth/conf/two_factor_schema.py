"""The settings of two-factor authentication; a part of ``schema``."""

from __future__ import annotations

from dataclasses import dataclass

from better_auth.conf.declaring import setting


@dataclass(frozen=True, slots=True)
class TwoFactorSettings:
    issuer: str | None = setting(
        None, "How authenticator apps call this server; unset: APP_NAME.", env="BETTER_AUTH_TWO_FACTOR_ISSUER"
    )
    totp: bool = setting(True, "Codes of authenticator apps.", env="BETTER_AUTH_TWO_FACTOR_TOTP")
    digits: int = setting(
        6, "Digits of their codes; 8 at most.", env="BETTER_AUTH_TWO_FACTOR_DIGITS", at_least=6
    )
    period: int = setting(
        30, "Seconds that each is shown for.", env="BETTER_AUTH_TWO_FACTOR_PERIOD", at_least=15
    )
    otp: bool = setting(True, "Codes by mail.", env="BETTER_AUTH_TWO_FACTOR_OTP")
    otp_digits: int = setting(
        6, "Digits of a mailed code.", env="BETTER_AUTH_TWO_FACTOR_OTP_DIGITS", at_least=6
    )
    otp_expires_in: int = setting(
        180,
        "Seconds that a mailed code is good for.",
        env="BETTER_AUTH_TWO_FACTOR_OTP_EXPIRES_IN",
        at_least=1,
    )
    otp_attempts: int = setting(
        5, "Guesses at one mailed code.", env="BETTER_AUTH_TWO_FACTOR_OTP_ATTEMPTS", at_least=1
    )
    backup_codes: int = setting(
        10, "How many backup codes somebody gets.", env="BETTER_AUTH_TWO_FACTOR_BACKUP_CODES", at_least=1
    )
    backup_code_length: int = setting(
        10,
        "Letters and digits of a backup code.",
        env="BETTER_AUTH_TWO_FACTOR_BACKUP_CODE_LENGTH",
        at_least=8,
    )
    skip_verification_on_enable: bool = setting(
        False,
        "Enabling is effective before a first code was shown.",
        env="BETTER_AUTH_TWO_FACTOR_SKIP_VERIFICATION",
    )
    allow_passwordless: bool = setting(
        False,
        "Whoever has no password may enable and disable without one, in a fresh session.",
        env="BETTER_AUTH_TWO_FACTOR_ALLOW_PASSWORDLESS",
    )
    challenge_expires_in: int = setting(
        600,
        "Seconds between the password and the code.",
        env="BETTER_AUTH_TWO_FACTOR_CHALLENGE_EXPIRES_IN",
        at_least=1,
    )
    challenge_attempts: int = setting(
        5, "Guesses for one password.", env="BETTER_AUTH_TWO_FACTOR_CHALLENGE_ATTEMPTS", at_least=1
    )
    trust_device_expires_in: int = setting(
        2_592_000,
        "Seconds that a trusted device is not asked.",
        env="BETTER_AUTH_TWO_FACTOR_TRUST_DEVICE_EXPIRES_IN",
        at_least=1,
    )
    lockout: bool = setting(
        True, "Lock an account after too many wrong codes.", env="BETTER_AUTH_TWO_FACTOR_LOCKOUT"
    )
    lockout_attempts: int = setting(
        10, "Wrong codes in a row that lock.", env="BETTER_AUTH_TWO_FACTOR_LOCKOUT_ATTEMPTS", at_least=1
    )
    lockout_seconds: int = setting(
        900, "Seconds that the lock lasts.", env="BETTER_AUTH_TWO_FACTOR_LOCKOUT_SECONDS", at_least=1
    )
    required_roles: tuple[str, ...] = setting(
        (),
        "Roles that must have a second factor before they can do anything else.",
        env="BETTER_AUTH_TWO_FACTOR_REQUIRED_ROLES",
    )
    required_by: tuple[str, ...] = setting(
        (),
        "Callables ``(UserRecord) -> bool`` that say who else must have one.",
    )
