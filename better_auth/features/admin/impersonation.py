"""Act in somebody's name, visibly, and stop. Source: admin.md, section 6."""

from __future__ import annotations

from django.db import transaction

from better_auth import roles, sessions, users
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, Forbidden, ServerError
from better_auth.events import Actor, AuthMethod, ImpersonationEnded, ImpersonationStarted, publish
from better_auth.features.admin.administrator import Administrator, get_target
from better_auth.features.admin.errors import Code
from better_auth.sessions import IssuedSession
from better_auth.storage.records import SessionRecord, UserRecord


def impersonate_user(
    administrator: Administrator, target: UserRecord, *, former: SessionRecord
) -> IssuedSession:
    """A short session of the target's that says who is behind it. ``former``, the caller's own, ends where it
    is one in somebody's name, too: nobody is behind two people at once.

    Raises ``YOU_CANNOT_IMPERSONATE_ADMINS`` where the target is one, unless that is granted as well; Django's
    staff and superusers are for superusers alone. Nobody can act for the banned (``BANNED_USER``).
    """
    if roles.is_admin(target) and not auth_settings.admin.allow_impersonating_admins:
        administrator.ensure("user", "impersonate-admins", subject_id=target.id)
    administrator.ensure_reaches(target, "user", "impersonate-admins")
    with transaction.atomic():
        issued = begin(target, by=administrator.user.id, actor=administrator)
        if former.impersonated_by:
            _end(former, administrator.user, administrator)
    return issued


def begin(target: UserRecord, *, by: str, actor: Actor) -> IssuedSession:
    """The session itself. Whether they may is the caller's to know.

    ``by``: the id that it shows; but where they act in somebody's name already it is that of who is behind
    it. Else what follows would be put down to somebody who did nothing, and would outlast the ban of who did.
    """
    by = actor.client.impersonator_id or by
    if target.id == by:
        raise Forbidden(Code.YOU_CANNOT_IMPERSONATE_ADMINS)
    with transaction.atomic():
        users.lock(target)  # a ban that is under way comes first, or finds the session
        issued = sessions.issue(
            get_target(target.id),
            client=actor.client,
            method=AuthMethod.IMPERSONATION,
            remember=False,
            expires_in=auth_settings.admin.impersonation_expires_in,
            impersonated_by=by,
        )
        publish(
            ImpersonationStarted(
                client=actor.client,
                actor_id=actor.id,
                subject_id=target.id,
                session_id=issued.session.id,
                method=AuthMethod.IMPERSONATION,
            )
        )
    return issued


def stop_impersonating(
    session: SessionRecord, user: UserRecord, *, admin_token: str | None, remember: bool, actor: Actor
) -> IssuedSession:
    """End the session and give the administrator theirs back, whose token the browser has kept.

    Raises ``BadRequest`` where nobody is impersonated, ``ServerError`` where the administrator or their
    session is gone: then signing out is what is left.
    """
    if not session.impersonated_by:
        raise BadRequest(message="You are not impersonating anyone")
    administrator = users.find_by_id(session.impersonated_by)
    if administrator is None:
        raise ServerError(message="Failed to find user")
    own = sessions.resume(admin_token, from_store=True) if admin_token else None
    if own is None or own.user.id != administrator.id:
        raise ServerError(message="Failed to find admin session")
    _end(session, user, actor)
    return IssuedSession(own.session, own.user, admin_token or "", remember)


def _end(session: SessionRecord, user: UserRecord, actor: Actor) -> None:
    with transaction.atomic():
        if sessions.revoke(session, user):
            publish(
                ImpersonationEnded(
                    client=actor.client, actor_id=actor.id, subject_id=user.id, session_id=session.id
                )
            )
