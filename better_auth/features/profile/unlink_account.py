"""Take away one of one's ways to sign in. Source: core.md, section 6, "POST /unlink-account"."""

from __future__ import annotations

from django.db import transaction

from better_auth import account_notices, accounts
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode
from better_auth.events import AccountUnlinked, Client, publish
from better_auth.storage.records import UserRecord


def unlink_account(user: UserRecord, *, row_id: str, client: Client) -> None:
    """``row_id`` is the account's own id. The last account stays, also when two calls race."""
    try:
        with transaction.atomic():
            account = accounts.unlink(user, row_id, allow_last=auth_settings.account.allow_unlinking_all)
            if account is None:
                raise BadRequest(ErrorCode.ACCOUNT_NOT_FOUND)
            details = {"provider": account.provider_id}
            publish(AccountUnlinked(client=client, subject_id=user.id, details=details))
            account_notices.tell_removed(user, provider_id=account.provider_id)
    except accounts.LastAccount:
        raise BadRequest(ErrorCode.FAILED_TO_UNLINK_LAST_ACCOUNT) from None
