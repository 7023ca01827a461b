"""Who shows a second factor, how often they may guess, and what it gives. Source: two-factor.md, section 4.

Somebody who is signed in proves it again (or enrols); anybody else is between password and code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from django.db import transaction

from better_auth import clock, factors, sessions, users, verifications
from better_auth.authentication.cookie_names import DONT_REMEMBER
from better_auth.crypto.identifiers import token_digest
from better_auth.errors import AuthError, ErrorCode, Unauthorized
from better_auth.events import (
    Client,
    DeviceTrusted,
    TwoFactorEnabled,
    TwoFactorFailed,
    TwoFactorLocked,
    TwoFactorPassed,
    publish,
)
from better_auth.factors import Factors
from better_auth.features.two_factor import challenges, trusted_devices
from better_auth.features.two_factor.challenges import Challenge
from better_auth.features.two_factor.errors import Locked
from better_auth.sessions import IssuedSession, Keepsake
from better_auth.sign_in import SignInChallenge, SignInOutcome, complete_sign_in
from better_auth.storage.records import SessionRecord, UserRecord
from better_auth.verifications import Purpose


class Factor(StrEnum):
    TOTP = "totp"
    OTP = "otp"
    BACKUP_CODE = "backup_code"


@dataclass(frozen=True, slots=True)
class Verifier:
    """Either ``session``, with its ``token`` as it was shown, or ``challenge``."""

    user: UserRecord
    client: Client
    session: SessionRecord | None = None
    token: str = field(default="", repr=False)
    challenge: Challenge | None = None

    @property
    def key(self) -> str:
        """Names them for codes by mail, and could be shown to anybody."""
        if self.challenge is not None:
            return token_digest(self.challenge.identifier)
        return f"{self.user.id}!{self.session.id if self.session else ''}"

    def ensure_session(self) -> SessionRecord:
        """Raises ``Unauthorized``."""
        if self.session is None:
            raise Unauthorized(ErrorCode.UNAUTHORIZED)
        return self.session


@dataclass(frozen=True, slots=True)
class Passed:
    """``outcome``: a session to hand out, new or in the place of another; None where nothing changes for the
    client, which then goes on with ``token``, if it has one."""

    user: UserRecord
    token: str | None = field(repr=False)
    outcome: SignInOutcome | None = None
    keepsakes: tuple[Keepsake, ...] = ()


def begin_guess(who: Verifier, found: Factors, factor: Factor) -> None:
    """Count a guess before it is looked at. Raises ``Locked``, ``ChallengeSpent`` or
    ``INVALID_TWO_FACTOR_COOKIE``.

    Enrolling is no guessing: whoever does it has seen the secret.
    """
    if found.is_locked(clock.now()):
        raise refused(who, found, factor, Locked(), "locked")
    if who.challenge is not None and factor is not Factor.OTP:  # which has a budget for each code
        try:
            challenges.count_guess(who.challenge)
        except AuthError as refusal:
            raise refused(who, found, factor, refusal, "too_many_attempts") from None
    if not factors.begin_attempt(found):
        raise refused(who, found, factor, Locked(), "locked")


def refused(who: Verifier, found: Factors, factor: Factor, error: AuthError, reason: str) -> AuthError:
    """The error to raise, once it is recorded; the record outlives whatever is rolled back."""
    details = {"factor": factor, "reason": reason}
    event = TwoFactorFailed(client=who.client, subject_id=who.user.id, details=details)
    publish(event)
    if reason not in ("locked", "expired") and factors.is_locked_now(found):
        publish(TwoFactorLocked(client=who.client, subject_id=who.user.id, details={"factor": factor}))
    return error


def accept(
    who: Verifier,
    found: Factors,
    factor: Factor,
    *,
    spend: Callable[[], None],
    trust_device: bool = False,
    without_session: bool = False,
) -> Passed:
    """The factor was shown: ``spend`` takes it for good or raises, and then nothing else has happened."""
    if who.challenge is None:
        return _again(who, found, factor, spend=spend)
    return _signed_in(
        who, who.challenge, found, factor, spend=spend, trust=trust_device, without_session=without_session
    )


def enable(who: Verifier, factor: Factor) -> Passed:
    """From now on it is asked for. The session is replaced: one that somebody else has copied ends."""
    session = who.ensure_session()
    with transaction.atomic():
        user = users.update(who.user, two_factor_enabled=True)
        issued = sessions.reissue(session, user, client=who.client, second_factor=factor)
        sessions.refresh_copies(user)
        publish(
            TwoFactorEnabled(
                client=who.client,
                subject_id=user.id,
                session_id=issued.session.id,
                details={"factor": factor},
            )
        )
    return Passed(user, issued.token, issued)


def mark(who: Verifier, factor: Factor) -> None:
    """The session remembers that a second factor was shown in it."""
    if who.session is not None and who.session.second_factor != factor:
        sessions.update(who.session, second_factor=factor)


def _again(who: Verifier, found: Factors, factor: Factor, *, spend: Callable[[], None]) -> Passed:
    with transaction.atomic():
        spend()
        if who.user.two_factor_enabled:
            factors.succeed(found)
            mark(who, factor)
            publish(
                TwoFactorPassed(
                    client=who.client,
                    subject_id=who.user.id,
                    session_id=who.session.id if who.session else "",
                    details={"factor": factor},
                )
            )
    return Passed(who.user, who.token)


def _signed_in(
    who: Verifier,
    challenge: Challenge,
    found: Factors,
    factor: Factor,
    *,
    spend: Callable[[], None],
    trust: bool,
    without_session: bool,
) -> Passed:
    with transaction.atomic():
        challenges.consume(challenge)
        spend()
        factors.succeed(found)
        verifications.revoke_codes(purpose=Purpose.TWO_FACTOR_CODE, subject=who.key)
        if without_session:
            publish(TwoFactorPassed(client=who.client, subject_id=who.user.id, details={"factor": factor}))
            return Passed(who.user, None)
        outcome = complete_sign_in(
            who.user,
            method=challenge.method,
            client=who.client,
            remember=challenge.remember,
            second_factor=factor,
        )
        keepsakes: tuple[Keepsake, ...] = (challenges.FORGOTTEN,)
        if trust and isinstance(outcome, IssuedSession):
            keepsakes = (*keepsakes, trusted_devices.trust(who.user), Keepsake(DONT_REMEMBER))
            publish(DeviceTrusted(client=who.client, subject_id=who.user.id))
    token = None if isinstance(outcome, SignInChallenge) else outcome.token
    return Passed(outcome.user if isinstance(outcome, IssuedSession) else who.user, token, outcome, keepsakes)
