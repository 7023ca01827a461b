"""Delete oneself. Source: core.md, section 4, "POST /delete-user"."""

from __future__ import annotations

from enum import Enum

from django.db import transaction

from better_auth import clock, mail, reauthentication, sessions, users, verifications
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import new_deletion_token
from better_auth.errors import BadRequest, ErrorCode, NotFound
from better_auth.events import Client, UserDeleted, publish
from better_auth.storage.records import UserRecord
from better_auth.verifications import Purpose


class DeletionOutcome(Enum):
    DELETED = "User deleted"
    MAILED = "Verification email sent"


def delete_user(
    principal: Principal, *, password: str | None, token: str | None, callback_url: str | None, client: Client
) -> DeletionOutcome:
    """Delete the caller: with their password, with a mailed token, or with a fresh session.

    Where the settings want a mailed link first, that is sent and nothing is deleted.
    """
    rules = auth_settings.user
    if not rules.delete_user:
        raise NotFound()
    user = principal.user
    if password:
        reauthentication.ensure_password(user, password, client=client)
    if token:
        return delete_user_by_token(user, token=token, client=client)
    if rules.delete_user_verification:
        _mail_link(user, callback_url=callback_url)
        return DeletionOutcome.MAILED
    if not password and not principal.is_fresh(clock.now()):
        raise BadRequest(ErrorCode.SESSION_EXPIRED)
    return _delete(user, client=client)


def delete_user_by_token(user: UserRecord, *, token: str, client: Client) -> DeletionOutcome:
    """Spend a mailed token; somebody else's is spent too, and refused."""
    spent = verifications.consume(purpose=Purpose.DELETE_ACCOUNT, token=token)
    if spent is None or spent.subject != user.id:
        raise NotFound(ErrorCode.INVALID_TOKEN)
    return _delete(user, client=client)


def ensure_enabled() -> None:
    """The mailed link's refusal where deletion is switched off; the endpoint itself is then a bare 404."""
    if not auth_settings.user.delete_user:
        raise NotFound(ErrorCode.NOT_FOUND)


def _delete(user: UserRecord, *, client: Client) -> DeletionOutcome:
    with transaction.atomic():
        users.lock(user)  # first, as a change of password does: the other way round they would meet halfway
        sessions.revoke_all(user)
        verifications.revoke_all(subject=user.id)
        if users.delete(user):  # of several requests at once, one deleted the user
            publish(UserDeleted(client=client, subject_id=user.id))
    return DeletionOutcome.DELETED


def _mail_link(user: UserRecord, *, callback_url: str | None) -> None:
    token = new_deletion_token()
    seconds = auth_settings.user.delete_token_expires_in
    with transaction.atomic():
        verifications.issue(purpose=Purpose.DELETE_ACCOUNT, token=token, subject=user.id, expires_in=seconds)
        url = mail.link("/delete-user/callback", token=token, callbackURL=callback_url or "/")
        mail.send(
            "better_auth/email/delete_user", to=user.email, name=user.name, url=url, hours=seconds // 3600
        )
