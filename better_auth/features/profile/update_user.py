"""Change one's own record. Source: core.md, section 4, "POST /update-user"."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from better_auth import sessions, users
from better_auth.errors import BadRequest
from better_auth.events import Client, UserUpdated, publish
from better_auth.storage.records import UserRecord
from better_auth.usernames import Code


def update_user(user: UserRecord, *, changes: dict[str, Any], client: Client) -> UserRecord:
    """Write the given columns; what is not given stays. Raises ``BadRequest`` where nothing is given.

    Of two users who take one user name at once, one gets it.
    """
    if not changes:
        raise BadRequest(message="No fields to update")
    try:
        with transaction.atomic():
            changed = users.update(user, **changes)
            sessions.refresh_copies(user)
            publish(UserUpdated(client=client, subject_id=user.id, details={"fields": sorted(changes)}))
    except users.ColumnTaken:
        raise BadRequest(Code.USERNAME_IS_ALREADY_TAKEN) from None
    return changed
