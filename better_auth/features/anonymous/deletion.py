"""Anonymous users who go, by their own will. Source: passwordless.md, section 5."""

from __future__ import annotations

from django.db import transaction

from better_auth import sessions, users, verifications
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, Forbidden
from better_auth.events import Client, UserDeleted, publish
from better_auth.features.anonymous.errors import Code
from better_auth.storage.records import UserRecord


def delete_anonymous_user(user: UserRecord, *, client: Client) -> None:
    """Raises ``DELETE_ANONYMOUS_USER_DISABLED`` or ``USER_IS_NOT_ANONYMOUS``."""
    if auth_settings.anonymous.disable_delete:
        raise BadRequest(Code.DELETE_ANONYMOUS_USER_DISABLED)
    if not user.anonymous:
        raise Forbidden(Code.USER_IS_NOT_ANONYMOUS)
    with transaction.atomic():
        users.lock(user)
        sessions.revoke_all(user)
        verifications.revoke_all(subject=user.id)
        if users.delete(user):
            publish(UserDeleted(client=client, subject_id=user.id))
