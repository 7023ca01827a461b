"""Change the password of somebody who is signed in. Source: core.md, section 4."""

from __future__ import annotations

from django.db import transaction

from better_auth import accounts, passwords, reauthentication, sessions, verifications
from better_auth.errors import BadRequest, ErrorCode
from better_auth.events import AuthMethod, Client, PasswordChanged, SessionsRevoked, publish
from better_auth.sessions import IssuedSession
from better_auth.storage.records import UserRecord


def change_password(
    user: UserRecord, *, current_password: str, new_password: str, revoke_sessions: bool, client: Client
) -> IssuedSession | None:
    """Set a new password. With ``revoke_sessions`` every session ends, this one too, and a new one is issued.

    Links for a reset that were mailed before are void. Raises ``BadRequest``; a wrong password is 400 here.
    """
    passwords.ensure_length(new_password)
    passwords.ensure_not_too_long(current_password)
    present = reauthentication.ensure_password(user, current_password, client=client)
    passwords.ensure_acceptable(new_password, email=user.email, name=user.name)
    encoded = passwords.hash_password(new_password)
    with transaction.atomic():
        if not passwords.set_password(user, encoded, replacing=present):
            raise BadRequest(ErrorCode.INVALID_PASSWORD)  # another request has changed it meanwhile
        verifications.revoke_proofs(subject=user.id)
        publish(PasswordChanged(client=client, subject_id=user.id))
        sessions.announce(user)
        if not revoke_sessions:
            return None
        count = sessions.revoke_all(user)
        publish(SessionsRevoked(client=client, subject_id=user.id, details={"count": count}))
        return sessions.issue(user, client=client, method=AuthMethod.PASSWORD, remember=None)


def set_first_password(user: UserRecord, *, new_password: str, client: Client) -> None:
    """Give a password to somebody who has none: for host code, there is no endpoint (core.md, section 1).

    Raises ``PASSWORD_ALREADY_SET``.
    """
    passwords.ensure_acceptable(new_password, email=user.email, name=user.name)
    encoded = passwords.hash_password(new_password)
    with transaction.atomic():
        if passwords.has_password(user):
            raise BadRequest(ErrorCode.PASSWORD_ALREADY_SET)
        accounts.ensure_credential(user)
        passwords.set_password(user, encoded)
        publish(PasswordChanged(client=client, subject_id=user.id))
