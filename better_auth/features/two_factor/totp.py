"""Codes of authenticator apps: shown at sign-in, again, or for the first time."""

from __future__ import annotations

from functools import partial

import segno
from django.db import transaction

from better_auth import clock, factors
from better_auth.conf import auth_settings
from better_auth.crypto.one_time_codes import Authenticator
from better_auth.errors import BadRequest, Unauthorized
from better_auth.events import TwoFactorPassed, publish
from better_auth.factors import Factors
from better_auth.features.two_factor import verification
from better_auth.features.two_factor.errors import Code
from better_auth.features.two_factor.verification import Factor, Passed, Verifier
from better_auth.storage.records import UserRecord


def verify_totp(who: Verifier, code: str, *, trust_device: bool) -> Passed:
    """Sign in with a code of the app, prove it again, or finish the enrolment.

    A code is taken once, and none of a step before it: not by the next request, nor by one at the same time.
    That of the enrolment is good for one sign-in besides, as it has opened nothing. Raises ``INVALID_CODE``,
    ``TOTP_NOT_ENABLED``, and what ``verification.begin_guess`` does.
    """
    _ensure_on()
    found = factors.find(who.user)
    if found is None or found.authenticator is None or (who.challenge is not None and not found.verified):
        raise BadRequest(Code.TOTP_NOT_ENABLED)
    if not found.verified:
        return _enrol(who, found, found.authenticator, code)
    verification.begin_guess(who, found, Factor.TOTP)
    step = found.authenticator.find_step(code, timestamp=clock.timestamp())
    if step is None:
        raise _wrong(who, found, "wrong_code")
    try:
        spend = partial(_spend, found, step)
        return verification.accept(who, found, Factor.TOTP, spend=spend, trust_device=trust_device)
    except _Replayed:
        raise _wrong(who, found, "used_before") from None


def uri_of(user: UserRecord, authenticator: Authenticator, *, issuer: str | None = None) -> str:
    name = issuer or auth_settings.two_factor.issuer or auth_settings.app_name
    return authenticator.uri(issuer=name, account=user.email)


def picture_of(uri: str) -> str:
    """The URI as a QR code, as a data URI that an ``img`` shows: dark on white on any page."""
    picture: str = segno.make(uri, error="m", micro=False).svg_data_uri(scale=4, border=4, light="#fff")
    return picture


class _Replayed(Exception):
    """The code was right, and was used before."""


def _spend(found: Factors, step: int) -> None:
    if not factors.spend_step(found, step):
        raise _Replayed


def _enrol(who: Verifier, found: Factors, authenticator: Authenticator, code: str) -> Passed:
    if authenticator.find_step(code, timestamp=clock.timestamp()) is None:
        raise _wrong(who, found, "wrong_code")
    with transaction.atomic():
        if not factors.confirm(found):
            raise Unauthorized(Code.INVALID_CODE)  # another request has finished it, or begun anew
        if not who.user.two_factor_enabled:
            return verification.enable(who, Factor.TOTP)
        verification.mark(who, Factor.TOTP)
        publish(
            TwoFactorPassed(
                client=who.client,
                subject_id=who.user.id,
                session_id=who.session.id if who.session else "",
                details={"factor": Factor.TOTP, "enrolled": True},
            )
        )
    return Passed(who.user, who.token)


def _wrong(who: Verifier, found: Factors, reason: str) -> Exception:
    return verification.refused(who, found, Factor.TOTP, Unauthorized(Code.INVALID_CODE), reason)


def _ensure_on() -> None:
    if not auth_settings.two_factor.totp:
        raise BadRequest(Code.TOTP_NOT_CONFIGURED, "totp isn't configured")
