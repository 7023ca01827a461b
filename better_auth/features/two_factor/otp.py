"""Codes by mail."""

from __future__ import annotations

import string

from better_auth import factors, mail, rate_limits, verifications
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import random_string
from better_auth.errors import AuthError, BadRequest, Unauthorized
from better_auth.features.two_factor import verification
from better_auth.features.two_factor.errors import Code
from better_auth.features.two_factor.verification import Factor, Passed, Verifier
from better_auth.verifications import CodeOutcome, Purpose

LONGEST_CODE = 32
SECONDS_IN_MINUTE = 60
# Refusals of what was no guess at all: there was nothing to guess at.
NO_GUESS = {
    CodeOutcome.MISSING: (Code.OTP_HAS_EXPIRED, "expired"),
    CodeOutcome.EXPIRED: (Code.OTP_HAS_EXPIRED, "expired"),
    CodeOutcome.SPENT: (Code.TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE, "too_many_attempts"),
}


def send_otp(who: Verifier) -> None:
    """Mail a code, in place of any before it. Raises ``TooManyRequests`` for a mailbox that gets too many."""
    rules = auth_settings.two_factor
    if not rules.otp or not who.user.email:
        raise BadRequest(Code.OTP_NOT_CONFIGURED, "otp isn't configured")
    rate_limits.ensure_mail_rate(who.user.email)
    code = random_string(rules.otp_digits, string.digits)
    verifications.issue_code(
        purpose=Purpose.TWO_FACTOR_CODE, subject=who.key, code=code, expires_in=rules.otp_expires_in
    )
    mail.send(
        "better_auth/email/two_factor_code",
        to=who.user.email,
        name=who.user.name,
        code=code,
        minutes=max(1, rules.otp_expires_in // SECONDS_IN_MINUTE),
    )


def verify_otp(who: Verifier, code: str, *, trust_device: bool) -> Passed:
    """Sign in with a mailed code, prove it again, or enable codes by mail.

    Raises ``INVALID_CODE``, ``OTP_HAS_EXPIRED``, ``TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE`` (of this code; there
    may be another), ``Locked``.
    """
    found = factors.ensure(who.user)
    verification.begin_guess(who, found, Factor.OTP)
    tried = verifications.try_code(
        purpose=Purpose.TWO_FACTOR_CODE,
        subject=who.key,
        code=code[:LONGEST_CODE],
        allowed_attempts=auth_settings.two_factor.otp_attempts,
    )
    if tried.outcome in NO_GUESS:
        factors.take_back_attempt(found)
        refusal, reason = NO_GUESS[tried.outcome]
        error: AuthError = BadRequest(refusal)
        raise verification.refused(who, found, Factor.OTP, error, reason)
    if tried.outcome is not CodeOutcome.ACCEPTED:
        error = Unauthorized(Code.INVALID_CODE)
        raise verification.refused(who, found, Factor.OTP, error, "wrong_code")
    if who.session is not None and not who.user.two_factor_enabled:
        factors.succeed(found)
        return verification.enable(who, Factor.OTP)
    return verification.accept(who, found, Factor.OTP, spend=_spent_already, trust_device=trust_device)


def _spent_already() -> None:
    """``try_code`` has."""
