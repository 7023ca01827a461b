"""Make a user for somebody else. Source: admin.md, "create-user"."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from better_auth import accounts, clock, legacy, passwords, users
from better_auth.errors import BadRequest, ErrorCode
from better_auth.events import Actor, UserCreated, publish
from better_auth.features.admin.administrator import find_target
from better_auth.features.admin.change_user import UNIQUE, ensure_unique
from better_auth.features.admin.errors import Code
from better_auth.storage.records import UserRecord


def create_user(
    *, email: str, name: str, password: str | None, columns: dict[str, Any], actor: Actor
) -> UserRecord:
    """The user, who can sign in at once if there is a password. No session, no mail.

    However short, the password is taken: whoever administers users may hand out one for the first day.
    """
    address = users.normalize_email(email)
    if users.find_by_email(address) or legacy.find_waiting(address):
        raise BadRequest(ErrorCode.USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL)
    if "id" in columns and find_target(columns["id"]):
        raise BadRequest(Code.USER_ALREADY_EXISTS)
    ensure_unique(columns, but=None)
    encoded = None
    if password:
        passwords.ensure_not_too_long(password)
        encoded = passwords.hash_password(password)
    if columns.get("email_verified"):
        columns = {**columns, "email_verified_at": clock.now()}
    try:
        with transaction.atomic():
            user = users.create(email=address, name=name, encoded_password=encoded, **columns)
            if encoded:
                accounts.ensure_credential(user)
            details = {"role": user.role, "banned": user.banned}
            publish(UserCreated(client=actor.client, actor_id=actor.id, subject_id=user.id, details=details))
    except users.EmailTaken:
        raise BadRequest(ErrorCode.USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL) from None
    except users.ColumnTaken as taken:
        raise BadRequest(UNIQUE[taken.column]) from None
    return user
