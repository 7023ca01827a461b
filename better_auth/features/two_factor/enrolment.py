"""Begin with a second factor, look at it again, and give it up. Source: two-factor.md, section 3."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction

from better_auth import clock, factors, passwords, reauthentication, sessions, users
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode, Forbidden
from better_auth.events import TwoFactorDisabled, publish
from better_auth.factors import Factors
from better_auth.features.two_factor import backup_codes, challenges, totp, trusted_devices, verification
from better_auth.features.two_factor.errors import Code
from better_auth.features.two_factor.verification import Factor, Passed, Verifier
from better_auth.sessions import IssuedSession
from better_auth.storage.records import UserRecord


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What an authenticator app is told, and the backup codes; each is shown this once. ``passed``: it is
    effective at once."""

    uri: str = field(repr=False)
    codes: list[str] = field(repr=False)
    passed: Passed | None = None


def enable_totp(who: Verifier, *, password: str | None, issuer: str | None) -> Enrolled:
    """A secret and backup codes, which take effect when a first code is shown; until then nothing changes,
    and beginning anew replaces them. Raises ``TOTP_ALREADY_ENABLED``, ``INVALID_PASSWORD``."""
    if not auth_settings.two_factor.totp:
        raise BadRequest(Code.TOTP_NOT_CONFIGURED)
    ensure_themselves(who, password)
    codes = factors.new_backup_codes()
    with transaction.atomic():
        begun = factors.begin(who.user, secret=factors.new_secret(), backup_codes=codes)
        if begun is None or begun.authenticator is None:
            raise BadRequest(Code.TOTP_ALREADY_ENABLED)
        passed = None
        if auth_settings.two_factor.skip_verification_on_enable:
            factors.confirm(begun)
            passed = verification.enable(who, Factor.TOTP)
    return Enrolled(totp.uri_of(who.user, begun.authenticator, issuer=issuer), codes, passed)


def enable_otp(who: Verifier, *, password: str | None) -> Passed:
    """Codes by mail, from now on. Raises ``OTP_NOT_CONFIGURED``, ``INVALID_PASSWORD``."""
    if not auth_settings.two_factor.otp or not who.user.email:
        raise BadRequest(Code.OTP_NOT_CONFIGURED)
    ensure_themselves(who, password)
    with transaction.atomic():
        factors.ensure(who.user)
        return verification.enable(who, Factor.OTP)


def disable(who: Verifier, *, password: str | None) -> IssuedSession:
    """Nothing is asked for any more, and no device is trusted; the session is replaced.

    Raises ``INVALID_PASSWORD``.
    """
    session = who.ensure_session()
    ensure_themselves(who, password)
    with transaction.atomic():
        forget(who.user)
        user = users.update(who.user, two_factor_enabled=False)
        sessions.refresh_copies(user)
        issued = sessions.reissue(session, user, client=who.client, second_factor="")
        publish(TwoFactorDisabled(client=who.client, subject_id=user.id, session_id=issued.session.id))
    return issued


def forget(user: UserRecord) -> None:
    """All that there is of a second factor of theirs."""
    factors.remove(user)
    trusted_devices.forget_all(user)
    challenges.revoke_all(user)


def show_uri(who: Verifier, *, password: str | None) -> str:
    """The same secret again. Raises ``TOTP_NOT_ENABLED``, ``INVALID_PASSWORD``."""
    if not auth_settings.two_factor.totp:
        raise BadRequest(Code.TOTP_NOT_CONFIGURED, "totp isn't configured")
    found = factors.find(who.user)
    if found is None or found.authenticator is None:
        raise BadRequest(Code.TOTP_NOT_ENABLED)
    ensure_themselves(who, password)
    return totp.uri_of(who.user, found.authenticator)


def generate_backup_codes(who: Verifier, *, password: str | None) -> list[str]:
    """Raises ``TWO_FACTOR_NOT_ENABLED``, ``INVALID_PASSWORD``."""
    found = _enabled(who.user)
    ensure_themselves(who, password)
    return backup_codes.replace_backup_codes(who.user, found, client=who.client)


def ensure_themselves(who: Verifier, password: str | None) -> None:
    """The password; or, where the settings allow it and there is none, a fresh session.

    Raises ``INVALID_PASSWORD``, ``SESSION_NOT_FRESH``, or ``VALIDATION_ERROR`` where the password is missing.
    """
    rules = auth_settings.two_factor
    if password is None and not rules.allow_passwordless:
        expected = "[body.password] Invalid input: expected string, received undefined"
        raise BadRequest(ErrorCode.VALIDATION_ERROR, expected)
    if rules.allow_passwordless and not passwords.has_password(who.user):
        age = auth_settings.session.fresh_age
        if age and who.session and (clock.now() - who.session.created_at).total_seconds() >= age:
            raise Forbidden(ErrorCode.SESSION_NOT_FRESH)
        return
    if password is None:
        raise BadRequest(ErrorCode.INVALID_PASSWORD)
    reauthentication.verify_password(who.user, password, client=who.client)


def _enabled(user: UserRecord) -> Factors:
    found = factors.find(user)
    if not user.two_factor_enabled or found is None or found.authenticator is None:
        raise BadRequest(Code.TWO_FACTOR_NOT_ENABLED)
    return found
