"""The settings of user names and of signing in without a password; a part of ``schema``.

Source: passwordless.md, sections 1, 2 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from better_auth.conf.declaring import setting

Order = Literal["pre-normalization", "post-normalization"]


@dataclass(frozen=True, slots=True)
class UsernameSettings:
    min_length: int = setting(3, "Shortest user name.", env="BETTER_AUTH_USERNAME_MIN_LENGTH", at_least=1)
    max_length: int = setting(
        30, "Longest user name; 255 at most.", env="BETTER_AUTH_USERNAME_MAX_LENGTH", at_least=1
    )
    validator: str | None = setting(
        None,
        "Callable ``(username) -> bool``; unset: whether it has Latin letters, digits, ``_`` and ``.`` only.",
    )
    normalize: bool = setting(
        True, "Upper and lower case are the same.", env="BETTER_AUTH_USERNAME_NORMALIZE"
    )
    normalizer: str | None = setting(None, "Callable ``(username) -> str``, instead of lower case.")
    validation_order: Order = setting(
        "pre-normalization",
        "Judge user names as they are typed, or their normal form.",
        env="BETTER_AUTH_USERNAME_VALIDATION_ORDER",
    )
    immutable: bool = setting(False, "A user name, once chosen, stays.", env="BETTER_AUTH_USERNAME_IMMUTABLE")
    display_username: bool = setting(
        True, "Keep the form to be shown, too.", env="BETTER_AUTH_DISPLAY_USERNAME"
    )
    display_validator: str | None = setting(None, "Callable ``(display username) -> bool``.")
    display_normalizer: str | None = setting(None, "Callable ``(display username) -> str``.")
    display_validation_order: Order = setting(
        "pre-normalization",
        "The same for the form to be shown.",
        env="BETTER_AUTH_DISPLAY_USERNAME_VALIDATION_ORDER",
    )


@dataclass(frozen=True, slots=True)
class MagicLinkSettings:
    expires_in: int = setting(
        300, "Seconds that a link is good for.", env="BETTER_AUTH_MAGIC_LINK_EXPIRES_IN", at_least=1
    )
    disable_sign_up: bool = setting(
        False, "A link signs nobody up.", env="BETTER_AUTH_MAGIC_LINK_DISABLE_SIGN_UP"
    )
    sender: str | None = setting(
        None, "Callable ``(*, email, url, token, metadata)`` that delivers a link, instead of our mail."
    )


@dataclass(frozen=True, slots=True)
class EmailOtpSettings:
    length: int = setting(6, "Digits of a code.", env="BETTER_AUTH_EMAIL_OTP_LENGTH", at_least=4)
    expires_in: int = setting(
        300, "Seconds that a code is good for.", env="BETTER_AUTH_EMAIL_OTP_EXPIRES_IN", at_least=1
    )
    allowed_attempts: int = setting(
        3, "Wrong tries that a code bears.", env="BETTER_AUTH_EMAIL_OTP_ALLOWED_ATTEMPTS", at_least=1
    )
    disable_sign_up: bool = setting(
        False, "A code signs nobody up.", env="BETTER_AUTH_EMAIL_OTP_DISABLE_SIGN_UP"
    )
    send_on_sign_up: bool = setting(
        False, "Signing up mails a code that verifies the address.", env="BETTER_AUTH_EMAIL_OTP_ON_SIGN_UP"
    )
    override_email_verification: bool = setting(
        False,
        "Wherever a link that verifies an address would be mailed, a code is.",
        env="BETTER_AUTH_EMAIL_OTP_OVERRIDE_VERIFICATION",
    )
    change_email: bool = setting(
        False, "Users can change their address by a code.", env="BETTER_AUTH_EMAIL_OTP_CHANGE_EMAIL"
    )
    verify_current_email: bool = setting(
        False,
        "A change needs a code of the present address, too.",
        env="BETTER_AUTH_EMAIL_OTP_VERIFY_CURRENT_EMAIL",
    )
    sender: str | None = setting(
        None, "Callable ``(*, email, otp, type)`` that delivers a code, instead of our mail."
    )
