"""Delete somebody else. Source: admin.md, "remove-user"."""

from __future__ import annotations

from django.db import transaction
from django.db.models import ProtectedError, RestrictedError

from better_auth import sessions, users, verifications
from better_auth.errors import BadRequest, ErrorCode, NotFound
from better_auth.events import Actor, UserDeleted, publish
from better_auth.features.admin.errors import Code
from better_auth.storage.records import UserRecord


def remove_user(target: UserRecord, *, actor: Actor) -> None:
    """With sessions and accounts; the audit log stays. Of several at once one finds the user.

    Raises ``USER_IS_STILL_NEEDED`` where a row of the host's protects them, ``USER_NOT_FOUND``.
    """
    try:
        with transaction.atomic():
            users.lock(target)
            sessions.revoke_all(target)
            verifications.revoke_all(subject=target.id)
            if not users.delete(target):
                raise NotFound(ErrorCode.USER_NOT_FOUND)
            publish(UserDeleted(client=actor.client, actor_id=actor.id, subject_id=target.id))
    except (ProtectedError, RestrictedError):
        raise BadRequest(Code.USER_IS_STILL_NEEDED) from None
