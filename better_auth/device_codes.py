"""The lifecycle of device codes (RFC 8628): asked for, claimed, decided, exchanged once.

Each step is one guarded statement: of any number of parallel callers one claims, one decides, one gets the
session.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from django.db import IntegrityError, transaction
from django.db.models import Q

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import (
    ALPHANUMERIC,
    code_digest,
    derive_key,
    random_string,
    token_digest,
)
from better_auth.models import DeviceCode, DeviceCodeStatus
from better_auth.storage.records import UserRecord

# Without letters and digits that are taken for each other (RFC 8628, section 6.1).
USER_CODE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
NOT_IN_USER_CODES = re.compile(r"[^A-Za-z0-9]")
LONGEST_TYPED = 255
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class IssuedCodes:
    """``expires_in`` and ``interval`` in seconds."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    expires_in: int
    interval: int


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """``claimed_by``: wire id of the user who may decide, or empty."""

    id: str
    client_id: str
    scope: str
    status: str
    claimed_by: str
    expires_at: datetime

    @property
    def is_pending(self) -> bool:
        return self.status == DeviceCodeStatus.PENDING

    @property
    def is_approved(self) -> bool:
        return self.status == DeviceCodeStatus.APPROVED

    def is_over(self, at: datetime) -> bool:
        return self.expires_at <= at


def issue(*, client_id: str, scope: str, user_id: str) -> IssuedCodes:
    """Two new codes. With ``user_id`` that user alone may decide."""
    rules, now = auth_settings.device_authorization, clock.now()
    for attempt in range(ATTEMPTS):
        device_code = random_string(rules.device_code_length, ALPHANUMERIC)
        user_code = random_string(rules.user_code_length, USER_CODE_ALPHABET)
        try:
            with transaction.atomic():
                DeviceCode.objects.create(
                    device_code_hash=token_digest(device_code),
                    user_code_hash=_user_code_digest(user_code),
                    client_id=client_id,
                    scope=scope,
                    claimed_by=user_id,
                    polling_interval=rules.interval * 1000,
                    created_at=now,
                    expires_at=now + timedelta(seconds=rules.expires_in),
                )
        except IntegrityError:  # that short code is out already
            if attempt == ATTEMPTS - 1:
                raise
            continue
        return IssuedCodes(device_code, user_code, rules.expires_in, rules.interval)
    raise AssertionError("unreachable")


def find_by_user_code(typed: str) -> DeviceRequest | None:
    """The request of a short code as somebody types it: in any case, with hyphens or spaces. Over or not."""
    normal = NOT_IN_USER_CODES.sub("", typed[:LONGEST_TYPED]).upper()
    return _first(user_code_hash=_user_code_digest(normal)) if normal else None


def find_by_device_code(device_code: str) -> DeviceRequest | None:
    return _first(device_code_hash=token_digest(device_code))


def claim(request: DeviceRequest, *, user_id: str) -> DeviceRequest:
    """Bind a pending request that is nobody's to this user; the request as it is then."""
    free = DeviceCode.objects.filter(pk=request.id, status=DeviceCodeStatus.PENDING, claimed_by="")
    free.update(claimed_by=user_id)
    return _first(pk=request.id) or request


def decide(request: DeviceRequest, *, user_id: str, status: DeviceCodeStatus) -> bool:
    """Approve or deny, for whoever has claimed it; False where it was decided meanwhile."""
    mine = DeviceCode.objects.filter(pk=request.id, status=DeviceCodeStatus.PENDING, claimed_by=user_id)
    return mine.update(status=status) > 0


def note_poll(request: DeviceRequest) -> bool:
    """False where the device asks again too soon; that does not count as having asked."""
    now = clock.now()
    row = DeviceCode.objects.filter(pk=request.id)
    interval = row.values_list("polling_interval", flat=True).first() or 0
    due = Q(last_polled_at__isnull=True) | Q(last_polled_at__lte=now - timedelta(milliseconds=interval))
    return row.filter(due).update(last_polled_at=now) > 0


def end(request: DeviceRequest) -> bool:
    """Take the request away, if it still has the status that was seen; False where another was quicker."""
    return DeviceCode.objects.filter(pk=request.id, status=request.status).delete()[0] > 0


def delete_claimed_by(user: UserRecord) -> None:
    """What this user has claimed or approved lets no device in any more."""
    DeviceCode.objects.filter(claimed_by=user.id).delete()


def _first(**by: str) -> DeviceRequest | None:
    row = DeviceCode.objects.filter(**by).first()
    if row is None:
        return None
    return DeviceRequest(row.id, row.client_id, row.scope, row.status, row.claimed_by, row.expires_at)


def _user_code_digest(user_code: str) -> str:
    key = _user_code_key(auth_settings.secret)
    return code_digest(user_code, key=key, purpose="device-user-code", subject="")


@lru_cache(maxsize=4)
def _user_code_key(secret: str) -> bytes:
    return derive_key(secret, "device-user-codes")
