"""The tokens that a provider gave for an account. Source: core.md, section 6."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from better_auth import accounts, clock
from better_auth.accounts import AccountRecord, ProviderTokens
from better_auth.errors import BadRequest, ErrorCode, Unauthorized
from better_auth.features.social.resolving import kept_tokens
from better_auth.providers import registry
from better_auth.providers.provider import Provider
from better_auth.providers.records import Profile, ProviderFailed, Tokens
from better_auth.storage.records import UserRecord

# A token that ends sooner than this is refreshed before it is given out.
LEAST_LIFE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Fresh:
    """Tokens as they are now, and the account that they are for."""

    account: AccountRecord
    tokens: ProviderTokens = field(repr=False)


def get_account(user: UserRecord, *, row_id: str | None) -> AccountRecord:
    """The caller's own account. Raises ``ACCOUNT_NOT_FOUND``, also for somebody else's."""
    account = accounts.find_owned(user, row_id) if row_id else None
    if account is None:
        raise BadRequest(ErrorCode.ACCOUNT_NOT_FOUND)
    return account


def valid_tokens(user: UserRecord, account: AccountRecord) -> Fresh:
    """Tokens that hold a little longer, refreshed where they would not and can be.

    Of several who ask at once one refreshes: they wait for the row, and look again. Raises
    ``PROVIDER_NOT_SUPPORTED`` and ``FAILED_TO_GET_ACCESS_TOKEN``.
    """
    provider = _supported(account)
    tokens = accounts.tokens_of(user, account.id) or ProviderTokens()
    if not _is_due(tokens):
        return Fresh(account, tokens)
    try:
        return Fresh(account, _refreshed(provider, user, account, if_due=True))
    except ProviderFailed:
        raise BadRequest(ErrorCode.FAILED_TO_GET_ACCESS_TOKEN) from None


def refresh(user: UserRecord, account: AccountRecord) -> Fresh:
    """New tokens, whatever the old ones are. Raises ``PROVIDER_NOT_SUPPORTED``, ``REFRESH_TOKEN_NOT_FOUND``
    and ``FAILED_TO_REFRESH_ACCESS_TOKEN``."""
    provider = _supported(account)
    tokens = accounts.tokens_of(user, account.id)
    if tokens is None or not tokens.refresh_token:
        raise BadRequest(ErrorCode.REFRESH_TOKEN_NOT_FOUND)
    try:
        return Fresh(account, _refreshed(provider, user, account, if_due=False))
    except ProviderFailed:
        raise BadRequest(ErrorCode.FAILED_TO_REFRESH_ACCESS_TOKEN) from None


def read_profile(user: UserRecord, account: AccountRecord) -> Profile:
    """What the provider says of the account now. Raises ``PROVIDER_NOT_CONFIGURED``,
    ``ACCESS_TOKEN_NOT_FOUND`` and ``FAILED_TO_GET_USER_INFO``."""
    provider = registry.find(account.provider_id)
    if provider is None:
        raise BadRequest(ErrorCode.PROVIDER_NOT_CONFIGURED)
    tokens = valid_tokens(user, account).tokens
    if not tokens.access_token:
        raise BadRequest(ErrorCode.ACCESS_TOKEN_NOT_FOUND)
    try:
        return provider.profile_of(Tokens(access_token=tokens.access_token, id_token=tokens.id_token))
    except ProviderFailed:
        raise Unauthorized(ErrorCode.FAILED_TO_GET_USER_INFO) from None


def _supported(account: AccountRecord) -> Provider:
    provider = registry.find(account.provider_id)
    if provider is None:
        text = f"Provider {account.provider_id} is not supported."
        raise BadRequest(ErrorCode.PROVIDER_NOT_SUPPORTED, text)
    return provider


def _is_due(tokens: ProviderTokens) -> bool:
    ends_at: datetime | None = tokens.access_token_expires_at
    return bool(tokens.refresh_token) and ends_at is not None and ends_at - clock.now() < LEAST_LIFE


def _refreshed(
    provider: Provider, user: UserRecord, account: AccountRecord, *, if_due: bool
) -> ProviderTokens:
    """Under the row's lock, for many providers take a refresh token once."""
    with accounts.locked_tokens(user, account.id) as tokens:
        if tokens is None:
            raise BadRequest(ErrorCode.ACCOUNT_NOT_FOUND)
        if (if_due and not _is_due(tokens)) or not tokens.refresh_token:
            return tokens
        given = kept_tokens(provider.refresh(tokens.refresh_token))
        accounts.keep_tokens(account.id, given)
        told: dict[str, Any] = {name: getattr(given, name) for name in ProviderTokens.__slots__}
        return replace(tokens, **{name: value for name, value in told.items() if value is not None})
