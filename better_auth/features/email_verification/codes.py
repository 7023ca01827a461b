"""Short codes that are mailed: sent, tried, refused. Source: passwordless.md, section 2.

Guesses count against the address, whatever code they are at, so that nobody gets more of them by asking for
new codes. An address that nobody has is answered as any other: a code is kept for it that nobody can type.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any

from django.db import transaction

from better_auth import mail, rate_limits, verifications
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import ALPHANUMERIC, random_string
from better_auth.errors import BadRequest, Forbidden
from better_auth.events import AuthMethod, Client, Event, SignInFailed, publish
from better_auth.rate_limits import Attempt
from better_auth.verifications import CodeOutcome, CodeTry, Purpose

FEATURE = "email_otp"
DIGITS = "0123456789"


class Code(Enum):
    """The member's name is the code on the wire, its value the message."""

    INVALID_OTP = "Invalid OTP"
    OTP_EXPIRED = "OTP expired"
    TOO_MANY_ATTEMPTS = "Too many attempts"


class CodeRequested(Event):
    """``details["type"]``: what the code is for."""

    type = "code_requested"


class CodeRefused(Event):
    """Of a code that signs nobody in; those that do are ``SignInFailed``."""

    type = "code_check"
    success = False


class CodeKind(StrEnum):
    """What a code is for, as it is on the wire."""

    EMAIL_VERIFICATION = "email-verification"
    SIGN_IN = "sign-in"
    FORGET_PASSWORD = "forget-password"
    CHANGE_EMAIL = "change-email"


PURPOSES = {
    CodeKind.EMAIL_VERIFICATION: Purpose.VERIFICATION_CODE,
    CodeKind.SIGN_IN: Purpose.SIGN_IN_CODE,
    CodeKind.FORGET_PASSWORD: Purpose.RESET_CODE,
    CodeKind.CHANGE_EMAIL: Purpose.CHANGE_CODE,
}
TEMPLATES = {
    CodeKind.EMAIL_VERIFICATION: "better_auth/email/verify_email_code",
    CodeKind.SIGN_IN: "better_auth/email/sign_in_code",
    CodeKind.FORGET_PASSWORD: "better_auth/email/reset_password_code",
    CodeKind.CHANGE_EMAIL: "better_auth/email/change_email_code",
}
REASONS = {
    CodeOutcome.WRONG: "wrong_code",
    CodeOutcome.MISSING: "no_code",
    CodeOutcome.EXPIRED: "expired_code",
    CodeOutcome.SPENT: "too_many_codes",
}


def is_on() -> bool:
    return FEATURE in auth_settings.features


def replace_links() -> bool:
    """Addresses are verified by codes wherever a link would be mailed."""
    return is_on() and auth_settings.email_otp.override_email_verification


def are_sent_on_sign_up() -> bool:
    return is_on() and auth_settings.email_otp.send_on_sign_up and not replace_links()


def send(
    kind: CodeKind,
    *,
    to: str,
    subject: str = "",
    name: str = "",
    user_id: str = "",
    client: Client | None = None,
    payload: Mapping[str, Any] | None = None,
) -> None:
    """Mail a new code; others of this kind are void. ``subject``: whose it is, where that is not the address;
    ``name``: whom the mail greets."""
    with transaction.atomic():
        code = _issue(kind, subject or to, payload)
        publish(CodeRequested(client=client or Client(), subject_id=user_id, details={"type": kind}))
        sender = auth_settings.email_otp.sender
        if sender:
            mail.hand_over(sender, email=to, otp=code, type=str(kind))
            return
        minutes = max(1, auth_settings.email_otp.expires_in // 60)
        mail.send(TEMPLATES[kind], to=to, name=name, code=code, minutes=minutes)


def pretend(kind: CodeKind, subject: str, *, client: Client | None = None) -> None:
    """Write what a code for somebody writes, and mail nothing."""
    with transaction.atomic():
        verifications.issue_code(
            purpose=PURPOSES[kind],
            subject=subject,
            code=random_string(32, ALPHANUMERIC),
            expires_in=auth_settings.email_otp.expires_in,
        )
        details = {"type": kind, "reason": "unknown_user"}
        publish(CodeRequested(client=client or Client(), details=details))


def create(kind: CodeKind, subject: str) -> str:
    """A new code for host code that hands it over in its own way; none is mailed."""
    return _issue(kind, subject, None)


def begin(account: str, *, known_as: str, client: Client) -> Attempt:
    """Count a try, before anything is looked at. Raises ``TooManyRequests``."""
    return rate_limits.begin_sign_in(account=f"code:{account}", known_as=known_as, client=client)


def attempt(kind: CodeKind, subject: str, code: str, *, keep: bool = False) -> CodeTry:
    """Try a code. Its transaction must be committed where it was wrong, or the try would not count."""
    with transaction.atomic():  # others see neither a try half counted, nor a code half spent
        return verifications.try_code(
            purpose=PURPOSES[kind],
            subject=subject,
            code=code,
            allowed_attempts=auth_settings.email_otp.allowed_attempts,
            keep=keep,
        )


def ensure_accepted(tried: CodeTry, kind: CodeKind, *, user_id: str = "", client: Client) -> None:
    """Raises ``INVALID_OTP``, ``OTP_EXPIRED`` or ``TOO_MANY_ATTEMPTS``, and leaves an entry in the audit log.

    Not within the transaction of the try: the refusal would take it back.
    """
    if tried.outcome is CodeOutcome.ACCEPTED:
        return
    details = {"reason": REASONS[tried.outcome], "type": kind}
    event: type[Event] = SignInFailed if kind is CodeKind.SIGN_IN else CodeRefused
    publish(event(client=client, subject_id=user_id, method=AuthMethod.EMAIL_OTP, details=details))
    if tried.outcome is CodeOutcome.EXPIRED:
        raise BadRequest(Code.OTP_EXPIRED)
    if tried.outcome is CodeOutcome.SPENT:
        raise Forbidden(Code.TOO_MANY_ATTEMPTS)
    raise BadRequest(Code.INVALID_OTP)


def _issue(kind: CodeKind, subject: str, payload: Mapping[str, Any] | None) -> str:
    rules = auth_settings.email_otp
    code = random_string(rules.length, DIGITS)
    verifications.issue_code(
        purpose=PURPOSES[kind],
        subject=subject,
        code=code,
        expires_in=rules.expires_in,
        payload=dict(payload or {}),
    )
    return code
