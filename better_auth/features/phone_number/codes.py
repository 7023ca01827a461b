"""Codes sent to telephones: made, and tried with limits that hold for the number, whichever code is out.

Source: passwordless.md, section 3.
"""

from __future__ import annotations

from better_auth import rate_limits, text_messages, verifications
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import random_string
from better_auth.errors import BadRequest, Forbidden
from better_auth.events import AuthMethod, Client, SignInFailed, publish
from better_auth.phone_numbers import Code
from better_auth.verifications import CodeOutcome, Purpose

DIGITS = "0123456789"
REFUSALS = {
    CodeOutcome.MISSING: Code.OTP_NOT_FOUND,
    CodeOutcome.EXPIRED: Code.OTP_EXPIRED,
    CodeOutcome.WRONG: Code.INVALID_OTP,
}
TEXTS = {
    Purpose.PHONE_CODE: text_messages.VERIFY,
    Purpose.PHONE_RESET_CODE: text_messages.RESET,
}


def send(number: str, *, purpose: Purpose, subject: str, is_sent: bool = True) -> None:
    """A new code in place of any other. Where it is not sent it costs the same, and nobody knows it.

    Raises ``TooManyRequests``: so many for one number, whoever asks.
    """
    rules = auth_settings.phone_number
    rate_limits.ensure_mail_rate(f"phone:{number}")
    code = random_string(rules.otp_length, DIGITS)
    verifications.issue_code(purpose=purpose, subject=subject, code=code, expires_in=rules.expires_in)
    if is_sent and text_messages.can_be_sent():
        text_messages.send_code(TEXTS[purpose], to=number, code=code)


def begin(number: str, *, client: Client) -> rate_limits.Attempt:
    """Count a guess against the number: new codes bring no new guesses. Raises ``TooManyRequests``."""
    return rate_limits.begin_sign_in(account=f"phone-code:{number}", client=client)


def ensure_right(code: str, *, purpose: Purpose, subject: str, client: Client) -> None:
    """Spend the right code.

    Raises ``OTP_NOT_FOUND``, ``OTP_EXPIRED``, ``INVALID_OTP``, ``TOO_MANY_ATTEMPTS``. To be called outside a
    transaction, which would forget the try.
    """
    outcome = verifications.try_code(
        purpose=purpose,
        subject=subject,
        code=code,
        allowed_attempts=auth_settings.phone_number.allowed_attempts,
    ).outcome
    if outcome is CodeOutcome.ACCEPTED:
        return
    refuse(outcome, client=client)


def refuse(outcome: CodeOutcome, *, client: Client) -> None:
    """Leave an entry in the audit log, and raise what the protocol says."""
    details = {"reason": f"code_{outcome.name.lower()}"}
    publish(SignInFailed(client=client, method=AuthMethod.PHONE_CODE, details=details))
    if outcome is CodeOutcome.SPENT:
        raise Forbidden(Code.TOO_MANY_ATTEMPTS)
    raise BadRequest(REFUSALS[outcome])
