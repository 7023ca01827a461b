"""The lifecycle of accounts: the ways in which a user can sign in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import transaction

from better_auth import clock
from better_auth.models import CREDENTIAL, Account
from better_auth.storage.compiled import CompiledSelect
from better_auth.storage.records import UserRecord

CREDENTIAL_ACCOUNT = CompiledSelect(Account, "user", ("id",), where=(("provider_id", CREDENTIAL),))


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """``id`` is the row's, ``account_id`` the subject at the provider. No secrets."""

    id: str
    provider_id: str
    account_id: str
    user_id: str
    scopes: tuple[str, ...]
    created_at: datetime
    updated_at: datetime


class LastAccount(Exception):
    """Without this account the user could not sign in any more."""


def list_for(user: UserRecord) -> list[AccountRecord]:
    rows = Account.objects.filter(user_id=user.key).order_by("created_at", "id")
    return [_record(row, user) for row in rows]


def find_owned(user: UserRecord, row_id: str) -> AccountRecord | None:
    row = Account.objects.filter(user_id=user.key, pk=row_id).first()
    return _record(row, user) if row else None


def ensure_credential(user: UserRecord) -> None:
    """Make the credential account where it is missing; safe to call twice at once."""
    if CREDENTIAL_ACCOUNT.first(user.key):  # nearly always; no write, and no lock
        return
    now = clock.now()
    row = Account(
        user_id=user.key, provider_id=CREDENTIAL, account_id=user.id, created_at=now, updated_at=now
    )
    Account.objects.bulk_create([row], ignore_conflicts=True)


def unlink(user: UserRecord, row_id: str, *, allow_last: bool) -> AccountRecord | None:
    """Take an account away; None where the user has no such account.

    The user's row is locked first, so that of two parallel calls on the last two accounts one is refused.
    Raises ``LastAccount``.
    """
    with transaction.atomic():
        get_user_model()._default_manager.select_for_update().get(pk=user.key)
        rows = list(Account.objects.filter(user_id=user.key))
        if len(rows) <= 1 and not allow_last:
            raise LastAccount
        row = next((one for one in rows if one.pk == row_id), None)
        if row is None:
            return None
        row_as_record = _record(row, user)
        row.delete()
        if row.provider_id == CREDENTIAL:
            get_user_model()._default_manager.filter(pk=user.key).update(password=make_password(None))
        return row_as_record


def _record(row: Account, user: UserRecord) -> AccountRecord:
    return AccountRecord(
        id=row.pk,
        provider_id=row.provider_id,
        account_id=row.account_id,
        user_id=user.id,
        scopes=tuple(part for part in (row.scope or "").split(",") if part),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
