"""The lifecycle of verifications: issued once, consumed once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from better_auth import clock
from better_auth.crypto.identifiers import token_digest
from better_auth.models import Verification


class Purpose(StrEnum):
    RESET_PASSWORD = "reset-password"
    DELETE_ACCOUNT = "delete-account"


@dataclass(frozen=True, slots=True)
class VerificationRecord:
    """``subject``: the wire id of the user it was issued for."""

    subject: str
    payload: dict[str, Any]


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


def revoke(*, purpose: Purpose, subject: str) -> None:
    """Drop whatever is outstanding for this subject."""
    Verification.objects.filter(purpose=purpose, subject=subject).delete()


def revoke_all(*, subject: str) -> None:
    """Drop everything that is outstanding for this subject, whatever it was for."""
    Verification.objects.filter(subject=subject).delete()
