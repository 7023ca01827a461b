"""An anonymous user becomes somebody: what was theirs is handed to the user who has signed in.

Source: passwordless.md, section 5. What of the host's is to move, the host's hook moves
(``ANONYMOUS.ON_LINK_ACCOUNT``).
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils.module_loading import import_string

from better_auth import sessions, users, verifications
from better_auth.conf import auth_settings
from better_auth.events import AnonymousUserLinked, AnonymousUserNotLinked, Client, publish
from better_auth.sessions import IssuedSession
from better_auth.storage.records import UserRecord

logger = logging.getLogger("better_auth.hooks")


def find_anonymous(token: str) -> UserRecord | None:
    """The user of a living session, if they are anonymous."""
    resumed = sessions.resume(token, renew=False, read_only=True, from_store=True)
    return resumed.user if resumed and resumed.user.anonymous else None


def link(anonymous: UserRecord, issued: IssuedSession) -> bool:
    """Run the host's hook and delete the anonymous user, in one transaction; once, however many try.

    Where the hook fails nothing of it is kept and nothing is lost: the anonymous user stays, with all that
    is theirs, and the sign-in stands, too. False where nothing was linked.
    """
    user, session = issued.user, issued.session
    if user.anonymous or user.id == anonymous.id:
        return False
    client = Client(session.ip_address, session.user_agent)
    try:
        with transaction.atomic():
            return _link(anonymous, user, client=client)
    except Exception:  # the host's code may fail in any way
        logger.exception(
            "an anonymous user could not be linked (%s)", auth_settings.anonymous.on_link_account
        )
    with transaction.atomic():
        publish(
            AnonymousUserNotLinked(client=client, subject_id=user.id, details={"anonymous_id": anonymous.id})
        )
    return False


def _link(anonymous: UserRecord, user: UserRecord, *, client: Client) -> bool:
    users.lock(anonymous)
    present = users.find_by_key(anonymous.key)
    if present is None or not present.anonymous:
        return False  # another request was quicker
    rules = auth_settings.anonymous
    if rules.on_link_account:
        import_string(rules.on_link_account)(anonymous_user=present, new_user=user, client=client)
    if not rules.disable_delete:
        sessions.revoke_all(present)
        verifications.revoke_all(subject=present.id)
        users.delete(present)
    publish(AnonymousUserLinked(client=client, subject_id=user.id, details={"anonymous_id": present.id}))
    return True
