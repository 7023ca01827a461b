"""A second factor in a form that has the password, too: Django's sign-in, and django-otp's.

There is no challenge between the two, so the limits are those of the account.
"""

from __future__ import annotations

from better_auth import clock, factors, verifications
from better_auth.conf import auth_settings
from better_auth.events import Client, TwoFactorFailed, TwoFactorPassed, publish
from better_auth.factors import Factors
from better_auth.features.two_factor import otp
from better_auth.features.two_factor.verification import Factor, Verifier
from better_auth.storage.records import UserRecord
from better_auth.verifications import CodeOutcome, Purpose


def is_wanted(user: UserRecord) -> bool:
    return "two_factor" in auth_settings.features and user.two_factor_enabled


def mails_codes(user: UserRecord) -> bool:
    """They have no authenticator app that could show one."""
    found = factors.find(user)
    return auth_settings.two_factor.otp and not (found and found.has_authenticator and found.verified)


def mail_code(user: UserRecord, *, client: Client) -> None:
    """Raises ``TooManyRequests`` for a mailbox that gets too many, ``OTP_NOT_CONFIGURED``."""
    otp.send_otp(Verifier(user, client))


def show(user: UserRecord, code: str, *, client: Client, door: str) -> bool:
    """Whether it is a code of the app, a backup code or one that ``mail_code`` sent; it is spent then.

    Counted before it is looked at, and recorded either way; False, too, while the account is locked.
    """
    found = factors.ensure(user)
    factor: Factor | None = None
    reason = "locked"
    if not found.is_locked(clock.now()) and factors.begin_attempt(found):
        factor, reason = _factor_of(user, found, code.strip(), client), "wrong_code"
    if factor is None:
        details = {"factor": "any", "reason": reason, "door": door}
        publish(TwoFactorFailed(client=client, subject_id=user.id, details=details))
        return False
    factors.succeed(found)
    details = {"factor": factor, "door": door}
    publish(TwoFactorPassed(client=client, subject_id=user.id, details=details))
    return True


def _factor_of(user: UserRecord, found: Factors, code: str, client: Client) -> Factor | None:
    authenticator = found.authenticator if found.verified else None
    step = authenticator.find_step(code, timestamp=clock.timestamp()) if authenticator else None
    if step is not None:
        return Factor.TOTP if factors.spend_step(found, step) else None
    if found.verified and factors.spend_backup_code(found, code):
        return Factor.BACKUP_CODE
    return Factor.OTP if _is_mailed(user, code, client) else None


def _is_mailed(user: UserRecord, code: str, client: Client) -> bool:
    tried = verifications.try_code(
        purpose=Purpose.TWO_FACTOR_CODE,
        subject=Verifier(user, client).key,
        code=code[: otp.LONGEST_CODE],
        allowed_attempts=auth_settings.two_factor.otp_attempts,
    )
    return tried.outcome is CodeOutcome.ACCEPTED
