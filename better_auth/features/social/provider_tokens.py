"""The tokens that a provider gave for an account. Source: core.md, section 6."""

from __future__ import annotations

from typing import NoReturn

from better_auth import accounts
from better_auth.accounts import AccountRecord
from better_auth.errors import BadRequest, ErrorCode
from better_auth.storage.records import UserRecord


def get_account(user: UserRecord, *, row_id: str | None) -> AccountRecord:
    """The caller's own account. Raises ``ACCOUNT_NOT_FOUND``, also for somebody else's."""
    account = accounts.find_owned(user, row_id) if row_id else None
    if account is None:
        raise BadRequest(ErrorCode.ACCOUNT_NOT_FOUND)
    return account


def refuse_unsupported(account: AccountRecord) -> NoReturn:
    """No provider is configured in this version, so no account has tokens that could be given out."""
    raise BadRequest(ErrorCode.PROVIDER_NOT_SUPPORTED, f"Provider {account.provider_id} is not supported.")


def refuse_unconfigured(account: AccountRecord) -> NoReturn:
    raise BadRequest(ErrorCode.PROVIDER_NOT_CONFIGURED)
