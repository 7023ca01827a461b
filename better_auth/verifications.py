"""The lifecycle of verifications: issued once, consumed once.

Long tokens are found by their digest. Short codes, which somebody types, are found by whom they were sent to;
of them a keyed HMAC is kept, and only so many tries count.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, StrEnum, auto
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.db.models import F

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import code_digest, derive_key, token_digest
from better_auth.models import Verification
from better_auth.models.user import ID_LENGTH


class Purpose(StrEnum):
    RESET_PASSWORD = "reset-password"
    DELETE_ACCOUNT = "delete-account"
    ONE_TIME_TOKEN = "one-time-token"
    PHONE_CODE = "phone-number-otp"
    PHONE_RESET_CODE = "phone-number-reset"
    PASSKEY_CHALLENGE = "passkey-challenge"
    TWO_FACTOR_CHALLENGE = "two-factor-challenge"
    TWO_FACTOR_CODE = "two-factor-code"
    TRUSTED_DEVICE = "trusted-device"
    SOCIAL_STATE = "auth-state"
    MAGIC_LINK = "magic-link"
    SIGN_IN_CODE = "sign-in-otp"
    VERIFICATION_CODE = "email-verification-otp"
    RESET_CODE = "forget-password-otp"
    CHANGE_CODE = "change-email-otp"


RESETS = (Purpose.RESET_PASSWORD, Purpose.RESET_CODE, Purpose.PHONE_RESET_CODE)


@dataclass(frozen=True, slots=True)
class VerificationRecord:
    """``subject``: the wire id of the user it was issued for."""

    subject: str
    payload: dict[str, Any]


class CodeOutcome(Enum):
    """``MISSING``: none is outstanding, or another request has spent it. ``SPENT``: too many were tried."""

    ACCEPTED = auto()
    WRONG = auto()
    MISSING = auto()
    EXPIRED = auto()
    SPENT = auto()


@dataclass(frozen=True, slots=True)
class CodeTry:
    """What became of a code; ``payload`` is what it was issued with, where it was the right one."""

    outcome: CodeOutcome
    payload: dict[str, Any] = field(default_factory=dict)


def issue(
    *, purpose: Purpose, token: str, subject: str, expires_in: int, payload: dict[str, Any] | None = None
) -> None:
    """Remember the digest of a token for ``expires_in`` seconds."""
    now = clock.now()
    Verification.objects.create(
        purpose=purpose,
        digest=token_digest(token),
        subject=subject,
        payload=payload or {},
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(seconds=expires_in),
    )


def find(*, purpose: Purpose, token: str) -> VerificationRecord | None:
    """Look without consuming; an expired one counts as missing."""
    row = (
        Verification.objects.filter(purpose=purpose, digest=token_digest(token), expires_at__gt=clock.now())
        .order_by("-created_at")
        .first()
    )
    return VerificationRecord(subject=row.subject, payload=row.payload) if row else None


def consume(*, purpose: Purpose, token: str) -> VerificationRecord | None:
    """Take the token for good. Of any number of parallel callers one gets it, as the DELETE's count says."""
    row = (
        Verification.objects.filter(purpose=purpose, digest=token_digest(token))
        .order_by("-created_at")
        .first()
    )
    if row is None:
        return None
    deleted, _ = Verification.objects.filter(pk=row.pk).delete()
    if not deleted or row.expires_at <= clock.now():
        return None
    return VerificationRecord(subject=row.subject, payload=row.payload)


def count_try(*, purpose: Purpose, token: str, allowed_attempts: int) -> CodeOutcome:
    """Count a guess that somebody makes under this token: ``ACCEPTED`` says that it may be looked at.

    Of any number of parallel guesses at most ``allowed_attempts`` are; the one after those takes the token
    away (``SPENT``).
    """
    rows = Verification.objects.filter(purpose=purpose, digest=token_digest(token))
    living = rows.filter(expires_at__gt=clock.now())
    if living.filter(attempts__lt=allowed_attempts).update(attempts=F("attempts") + 1):
        return CodeOutcome.ACCEPTED
    deleted, _ = living.delete()
    return CodeOutcome.SPENT if deleted else CodeOutcome.MISSING


def revoke(*, purpose: Purpose, subject: str) -> None:
    """Drop whatever is outstanding for this subject."""
    Verification.objects.filter(purpose=purpose, subject=subject).delete()


def revoke_proofs(*, subject: str) -> None:
    """The password has changed: links and codes for a reset are void, and so is the first half of a sign-in
    that was made with the old one."""
    purposes = (*RESETS, Purpose.TWO_FACTOR_CHALLENGE)
    Verification.objects.filter(purpose__in=purposes, subject=subject).delete()


def revoke_resets(*, subject: str) -> None:
    """The address has changed: links and codes for a reset that were mailed to the former one are void."""
    Verification.objects.filter(purpose__in=RESETS, subject=subject).delete()


def revoke_all(*, subject: str) -> None:
    """Drop everything that is outstanding for this subject, whatever it was for."""
    Verification.objects.filter(subject=subject).delete()


def issue_code(
    *, purpose: Purpose, subject: str, code: str, expires_in: int, payload: dict[str, Any] | None = None
) -> None:
    """Remember a short code for ``expires_in`` seconds, in place of any other for this purpose and subject.

    ``subject`` is whom it was sent to: an address, a number, a user or a challenge, of any length.
    """
    now = clock.now()
    with transaction.atomic():
        revoke_codes(purpose=purpose, subject=subject)
        Verification.objects.create(
            purpose=purpose,
            digest=_code_digest(purpose, subject, code),
            subject=_code_subject(subject),
            payload=payload or {},
            created_at=now,
            updated_at=now,
            expires_at=now + timedelta(seconds=expires_in),
        )


def try_code(
    *, purpose: Purpose, subject: str, code: str, allowed_attempts: int, keep: bool = False
) -> CodeTry:
    """Try a short code; the right one is spent, unless it is to be kept for another step.

    Each try is counted before it is looked at, by one guarded UPDATE: of any number of parallel guesses at
    most ``allowed_attempts`` are compared. The one after those ends the code (``SPENT``), right or wrong.
    """
    sent = Verification.objects.filter(purpose=purpose, subject=_code_subject(subject))
    row = sent.order_by("-created_at").first()
    if row is None:
        return CodeTry(CodeOutcome.MISSING)
    this = Verification.objects.filter(pk=row.pk)
    if row.expires_at <= clock.now():
        this.delete()
        return CodeTry(CodeOutcome.EXPIRED)
    if not this.filter(attempts__lt=allowed_attempts).update(attempts=F("attempts") + 1):
        # The row stays: a right one that was counted in time must still find it to spend.
        ended = this.filter(attempts=allowed_attempts).update(attempts=F("attempts") + 1)
        return CodeTry(CodeOutcome.SPENT if ended else CodeOutcome.MISSING)
    if not hmac.compare_digest(row.digest, _code_digest(purpose, subject, code)):
        return CodeTry(CodeOutcome.WRONG)
    if keep:
        this.update(attempts=F("attempts") - 1)  # a right one is no guess
        return CodeTry(CodeOutcome.ACCEPTED, row.payload)
    deleted, _ = this.delete()
    if not deleted:
        return CodeTry(CodeOutcome.MISSING)
    sent.delete()  # what was sent at the same moment
    return CodeTry(CodeOutcome.ACCEPTED, row.payload)


def revoke_codes(*, purpose: Purpose, subject: str) -> None:
    """Drop the short codes that are outstanding for this purpose and subject."""
    revoke(purpose=purpose, subject=_code_subject(subject))


def _code_digest(purpose: Purpose, subject: str, code: str) -> str:
    return code_digest(code, key=_code_key(auth_settings.secret), purpose=purpose, subject=subject)


def _code_subject(subject: str) -> str:
    """As the column can hold it: an address may be longer."""
    return subject if len(subject) <= ID_LENGTH else token_digest(subject)


@lru_cache(maxsize=4)
def _code_key(secret: str) -> bytes:
    return derive_key(secret, "short-codes")
