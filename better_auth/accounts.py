"""The lifecycle of accounts: the ways in which a user can sign in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction

from better_auth import clock
from better_auth.models import CREDENTIAL, Account
from better_auth.sealing import Undecryptable, open_sealed, seal
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


@dataclass(frozen=True, slots=True)
class ProviderTokens:
    """What a provider gave for an account, opened. None of it is in a ``repr``; sealed it rests."""

    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    access_token_expires_at: datetime | None = None
    refresh_token_expires_at: datetime | None = None


class IdentityTaken(Exception):
    """Somebody else has this identity, or the same user has it already."""


class LastAccount(Exception):
    """Without this account the user could not sign in any more."""


def list_for(user: UserRecord) -> list[AccountRecord]:
    rows = Account.objects.filter(user_id=user.key).order_by("created_at", "id")
    return [_record(row, user) for row in rows]


def find_owned(user: UserRecord, row_id: str) -> AccountRecord | None:
    row = Account.objects.filter(user_id=user.key, pk=row_id).first()
    return _record(row, user) if row else None


def find_owner(provider_id: str, account_id: str) -> tuple[AccountRecord, Any] | None:
    """The account of an identity, and the primary key of its user."""
    row = (
        Account.objects.filter(provider_id=provider_id, account_id=account_id)
        .defer("access_token", "refresh_token", "id_token", "password")
        .first()
    )
    return (_record(row), row.user_id) if row else None


def link(
    user: UserRecord,
    *,
    provider_id: str,
    account_id: str,
    tokens: ProviderTokens,
    scopes: tuple[str, ...] = (),
    issuer: str | None = None,
) -> AccountRecord:
    """Give a user another way to sign in. Raises ``IdentityTaken``, also when two callers race."""
    now = clock.now()
    row = Account(
        user_id=user.key,
        provider_id=provider_id,
        account_id=account_id,
        issuer=issuer,
        scope=",".join(scopes) or None,
        created_at=now,
        updated_at=now,
        **_sealed(tokens),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        if find_owner(provider_id, account_id) is None:
            raise
        raise IdentityTaken from None
    return _record(row, user)


def keep_tokens(row_id: str, tokens: ProviderTokens, *, scopes: tuple[str, ...] | None = None) -> bool:
    """Keep what is not None; ``scopes`` in place of the former ones. False where the account is gone."""
    columns: dict[str, Any] = {name: value for name, value in _sealed(tokens).items() if value is not None}
    if scopes is not None:
        columns["scope"] = ",".join(scopes) or None
    return Account.objects.filter(pk=row_id).update(**columns, updated_at=clock.now()) > 0


def tokens_of(user: UserRecord, row_id: str) -> ProviderTokens | None:
    """None where the user has no such account."""
    row = Account.objects.filter(user_id=user.key, pk=row_id).first()
    return _opened(row) if row else None


@contextmanager
def locked_tokens(user: UserRecord, row_id: str) -> Iterator[ProviderTokens | None]:
    """The same under the row's lock: of several who would refresh them, one after the other looks."""
    with transaction.atomic():
        row = Account.objects.select_for_update().filter(user_id=user.key, pk=row_id).first()
        yield _opened(row) if row else None


def ensure_credential(user: UserRecord) -> None:
    """Make the credential account where it is missing; safe to call twice at once."""
    if CREDENTIAL_ACCOUNT.first(user.key):  # nearly always; no write, and no lock
        return
    now = clock.now()
    row = Account(
        user_id=user.key, provider_id=CREDENTIAL, account_id=user.id, created_at=now, updated_at=now
    )
    Account.objects.bulk_create([row], ignore_conflicts=True)


def delete_all(user: UserRecord) -> None:
    """Nothing that was linked or chosen so far signs this user in any more; the password is the caller's."""
    Account.objects.filter(user_id=user.key).delete()


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


def _sealed(tokens: ProviderTokens) -> dict[str, Any]:
    return {
        "access_token": seal(tokens.access_token) if tokens.access_token else None,
        "refresh_token": seal(tokens.refresh_token) if tokens.refresh_token else None,
        "id_token": seal(tokens.id_token) if tokens.id_token else None,
        "access_token_expires_at": tokens.access_token_expires_at,
        "refresh_token_expires_at": tokens.refresh_token_expires_at,
    }


def _opened(row: Account) -> ProviderTokens:
    return ProviderTokens(
        access_token=_open(row.access_token),
        refresh_token=_open(row.refresh_token),
        id_token=_open(row.id_token),
        access_token_expires_at=row.access_token_expires_at,
        refresh_token_expires_at=row.refresh_token_expires_at,
    )


def _open(sealed: str | None) -> str | None:
    """None for what no key opens any more: the user signs in again, and there are new ones."""
    try:
        return open_sealed(sealed) if sealed else None
    except Undecryptable:
        return None


def _record(row: Account, user: UserRecord | None = None) -> AccountRecord:
    """Without ``user`` its id on the wire is left empty."""
    return AccountRecord(
        id=row.pk,
        provider_id=row.provider_id,
        account_id=row.account_id,
        user_id=user.id if user else "",
        scopes=tuple(part for part in (row.scope or "").split(",") if part),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
