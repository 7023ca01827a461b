"""The lifecycle of second factors, and the only writer of them.

The secret of an authenticator rests sealed, backup codes as an HMAC under a key that follows from it: whoever
has the table alone has neither. Every count, every "last" and every "once" is one guarded statement.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, Value, When

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import ALPHANUMERIC, URL_SAFE, code_digest, derive_key, random_string
from better_auth.crypto.one_time_codes import Authenticator, UnusableSecret, key_of
from better_auth.models import BackupCode, TwoFactor
from better_auth.sealing import Undecryptable, open_sealed, seal
from better_auth.storage.records import UserRecord

logger = logging.getLogger("better_auth.two_factor")

SECRET_LENGTH = 32
HYPHEN_AFTER = 5
LONGEST_BACKUP_CODE = 256
BACKUP_PURPOSE = "backup-code"


@dataclass(frozen=True, slots=True)
class Factors:
    """What a user has. ``has_authenticator`` tells that there is a secret; ``authenticator`` is None, too,
    where no key of ours opens it. ``verified``: a code of it was seen."""

    id: str
    user_key: Any
    has_authenticator: bool
    verified: bool
    locked_until: datetime | None
    last_used_at: datetime | None
    created_at: datetime
    authenticator: Authenticator | None = field(repr=False)
    code_key: bytes = field(repr=False)

    def is_locked(self, at: datetime) -> bool:
        return self.locked_until is not None and self.locked_until > at


@dataclass(frozen=True, slots=True)
class Arriving:
    """What somebody had elsewhere, verified there. ``secret`` as it is stored (``base32:…``), or empty where
    codes come by mail alone."""

    user_key: Any
    secret: str = field(default="", repr=False)
    digits: int = 6
    period: int = 30
    algorithm: str = "SHA1"
    backup_codes: tuple[str, ...] = field(default=(), repr=False)


def arrive(coming: Sequence[Arriving]) -> None:
    """Of many users at once, none of whom has any yet. That they are asked for it, their rows say."""
    rows = [
        TwoFactor(
            user_id=one.user_key,
            secret=seal(one.secret) if one.secret else "",
            digits=one.digits,
            period=one.period,
            algorithm=one.algorithm,
            verified=bool(one.secret),
        )
        for one in coming
    ]
    TwoFactor.objects.bulk_create(rows)
    BackupCode.objects.bulk_create(
        BackupCode(two_factor_id=row.pk, digest=digest)
        for row, one in zip(rows, coming, strict=True)
        if one.secret
        for digest in sorted({_digest(row.pk, _code_key(one.secret), code) for code in one.backup_codes})
    )


def keys_of(user_keys: Collection[Any]) -> dict[Any, bytes]:
    """The keys of these users' authenticators, by the host's primary keys; empty for codes by mail alone."""
    rows = TwoFactor.objects.filter(user_id__in=list(user_keys))
    found = map(_factors, rows)
    return {one.user_key: one.authenticator.key if one.authenticator else b"" for one in found}


def find(user: UserRecord) -> Factors | None:
    row = TwoFactor.objects.filter(user_id=user.key).first()
    return _factors(row) if row else None


def ensure(user: UserRecord) -> Factors:
    """Of somebody who has a second factor, at least by mail: where their wrong codes are counted."""
    row, _ = TwoFactor.objects.get_or_create(user_id=user.key)
    return _factors(row)


def new_secret() -> str:
    """32 characters, of which the UTF-8 bytes are the key (two-factor.md, section 5)."""
    return random_string(SECRET_LENGTH, URL_SAFE)


def new_backup_codes() -> list[str]:
    rules = auth_settings.two_factor
    codes = (random_string(rules.backup_code_length, ALPHANUMERIC) for _ in range(rules.backup_codes))
    return [f"{code[:HYPHEN_AFTER]}-{code[HYPHEN_AFTER:]}" for code in codes]


def begin(user: UserRecord, *, secret: str, backup_codes: Iterable[str]) -> Factors | None:
    """Keep a secret that is still to be verified, in place of one that never was, and its backup codes.

    None where there is one that was: it is not replaced.
    """
    rules = auth_settings.two_factor
    return put(
        user, secret=secret, backup_codes=backup_codes, digits=min(rules.digits, 8), period=rules.period
    )


def put(
    user: UserRecord,
    *,
    secret: str,
    backup_codes: Iterable[str] = (),
    digits: int = 6,
    period: int = 30,
    algorithm: str = "SHA1",
    verified: bool = False,
) -> Factors | None:
    """The same of an authenticator that was enrolled elsewhere; ``secret`` may be ``base32:…``.

    Raises ``UnusableSecret``.
    """
    key_of(secret)
    with transaction.atomic():
        TwoFactor.objects.get_or_create(user_id=user.key)
        row = TwoFactor.objects.select_for_update().get(user_id=user.key)
        if row.secret and row.verified:
            return None
        row.secret, row.verified, row.last_step = seal(secret), verified, None
        row.digits, row.period, row.algorithm = digits, period, algorithm
        row.updated_at = clock.now()
        row.save()
        _replace_codes(row.pk, _code_key(secret), backup_codes)
    return _factors(row)


def confirm(factors: Factors) -> bool:
    """A code of the authenticator was seen; False where another request was first."""
    rows = TwoFactor.objects.filter(pk=factors.id, verified=False).exclude(secret="")
    return rows.update(verified=True, updated_at=clock.now()) > 0


def spend_step(factors: Factors, step: int) -> bool:
    """Take the code of this time step for good: neither it nor an older one is taken again. False where it
    was. Source: RFC 6238, section 5.2."""
    rows = TwoFactor.objects.filter(Q(last_step=None) | Q(last_step__lt=step), pk=factors.id)
    return rows.update(last_step=step) > 0


def begin_attempt(factors: Factors) -> bool:
    """Count a guess as wrong before it is looked at; False where the account is locked.

    Of any number of parallel guesses, by whatever factor, no more are let through than the limit allows.
    """
    rules, now = auth_settings.two_factor, clock.now()
    if not rules.lockout:
        return True
    rows = TwoFactor.objects.filter(pk=factors.id)
    rows.filter(locked_until__lte=now).update(failed_count=0, locked_until=None)
    until = now + timedelta(seconds=rules.lockout_seconds)
    is_last = When(failed_count__gte=rules.lockout_attempts - 1, then=Value(until))
    return (
        rows.filter(locked_until=None).update(
            failed_count=F("failed_count") + 1, locked_until=Case(is_last, default=None)
        )
        > 0
    )


def take_back_attempt(factors: Factors) -> None:
    """It turned out to be no guess: there was nothing to guess at."""
    rows = TwoFactor.objects.filter(pk=factors.id, failed_count__gt=0)
    if auth_settings.two_factor.lockout:
        rows.update(failed_count=F("failed_count") - 1, locked_until=None)


def succeed(factors: Factors) -> None:
    """The guess was none: the count begins anew."""
    rows = TwoFactor.objects.filter(pk=factors.id)
    rows.update(failed_count=0, locked_until=None, last_used_at=clock.now())


def is_locked_now(factors: Factors) -> bool:
    return TwoFactor.objects.filter(pk=factors.id, locked_until__gt=clock.now()).exists()


def replace_backup_codes(factors: Factors, codes: Iterable[str]) -> None:
    with transaction.atomic():
        if TwoFactor.objects.select_for_update().filter(pk=factors.id).exists():
            _replace_codes(factors.id, factors.code_key, codes)


def count_backup_codes(factors: Factors) -> int:
    return BackupCode.objects.filter(two_factor_id=factors.id).count()


def spend_backup_code(factors: Factors, code: str) -> bool:
    """Take a backup code for good. Of any number of parallel callers one gets it, as the DELETE's count
    says; False for the others, and for what is none."""
    if not factors.code_key or len(code) > LONGEST_BACKUP_CODE:
        return False
    digest = _digest(factors.id, factors.code_key, code)
    deleted, _ = BackupCode.objects.filter(two_factor_id=factors.id, digest=digest).delete()
    return deleted > 0


def remove(user: UserRecord) -> bool:
    """Forget all of it; False where there was nothing."""
    return TwoFactor.objects.filter(user_id=user.key).delete()[0] > 0


def _replace_codes(factors_id: str, key: bytes, codes: Iterable[str]) -> None:
    BackupCode.objects.filter(two_factor_id=factors_id).delete()
    digests = {_digest(factors_id, key, code) for code in codes}
    BackupCode.objects.bulk_create(
        BackupCode(two_factor_id=factors_id, digest=one) for one in sorted(digests)
    )


def _digest(factors_id: str, key: bytes, code: str) -> str:
    return code_digest(code, key=key, purpose=BACKUP_PURPOSE, subject=factors_id)


def _code_key(secret: str) -> bytes:
    return derive_key(secret, BACKUP_PURPOSE)


def _factors(row: TwoFactor) -> Factors:
    authenticator, code_key = None, b""
    if row.secret:
        try:
            secret = open_sealed(row.secret)
            authenticator = Authenticator(key_of(secret), row.digits, row.period, row.algorithm)
            code_key = _code_key(secret)
        except (Undecryptable, UnusableSecret) as fault:
            logger.error("the second factor %s can't be used: %s", row.pk, type(fault).__name__)
    return Factors(
        id=row.pk,
        user_key=row.user_id,
        has_authenticator=bool(row.secret),
        verified=row.verified,
        locked_until=row.locked_until,
        last_used_at=row.last_used_at,
        created_at=row.created_at,
        authenticator=authenticator,
        code_key=code_key,
    )
