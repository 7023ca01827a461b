"""What people do with the passkeys that they have. Source: passwordless.md, section 8."""

from __future__ import annotations

from enum import Enum

from django.db import transaction

from better_auth import account_notices, passkeys
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode, NotFound, ServerError, Unauthorized
from better_auth.events import Client, PasskeyRemoved, PasskeyRenamed, publish
from better_auth.features.passkey.errors import Code
from better_auth.passkeys import LastWayIn, PasskeyRecord
from better_auth.storage.records import UserRecord

# Whoever has an address signs in with one of these without any account.
BY_MAIL = ("magic_link", "email_otp")


def rename_passkey(user: UserRecord, *, passkey_id: str, name: str, client: Client) -> PasskeyRecord:
    """Raises ``PASSKEY_NOT_FOUND`` (404); 401 for somebody else's."""
    _ensure_own(user, passkey_id, Code.YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY)
    with transaction.atomic():
        renamed = passkeys.rename(user, passkey_id, name)
        if renamed is None:
            raise ServerError(Code.FAILED_TO_UPDATE_PASSKEY)
        publish(PasskeyRenamed(client=client, subject_id=user.id, details={"passkey": passkey_id}))
    return renamed


def delete_passkey(user: UserRecord, *, passkey_id: str, client: Client) -> None:
    """Raises ``PASSKEY_NOT_FOUND`` (404); 401 without a body for somebody else's; and, our own refusal,
    ``FAILED_TO_UNLINK_LAST_ACCOUNT`` (400) where nobody could sign in as this user any more."""
    _ensure_own(user, passkey_id, None)
    gets_mail = bool(user.email) and any(one in auth_settings.features for one in BY_MAIL)
    allow_last = auth_settings.account.allow_unlinking_all or gets_mail
    try:
        with transaction.atomic():
            if passkeys.remove(user, passkey_id, allow_last=allow_last) is None:
                raise NotFound(Code.PASSKEY_NOT_FOUND)
            publish(PasskeyRemoved(client=client, subject_id=user.id, details={"passkey": passkey_id}))
            account_notices.tell_removed(user, provider_id="one of your passkeys")
    except LastWayIn:
        raise BadRequest(ErrorCode.FAILED_TO_UNLINK_LAST_ACCOUNT) from None


def _ensure_own(user: UserRecord, passkey_id: str, refusal: Enum | None) -> None:
    found = passkeys.find(passkey_id)
    if found is None:
        raise NotFound(Code.PASSKEY_NOT_FOUND)
    if found.user_key != user.key:
        raise Unauthorized(refusal)
