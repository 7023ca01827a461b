"""Give somebody else another password. Source: admin.md, "set-user-password"."""

from __future__ import annotations

from django.db import transaction

from better_auth import accounts, passwords, sessions, verifications
from better_auth.events import Actor, PasswordChanged, publish
from better_auth.features.admin.administrator import get_target
from better_auth.storage.records import UserRecord


def set_user_password(target: UserRecord, *, new_password: str, actor: Actor) -> None:
    """The first one, too. Sessions go on, as upstream has it; reset links that were mailed are void.

    Raises ``BadRequest`` for a password that the policy refuses.
    """
    passwords.ensure_acceptable(new_password, email=target.email, name=target.name)
    encoded = passwords.hash_password(new_password)
    with transaction.atomic():
        get_target(target.id)  # hashing takes its time, and they may be gone
        accounts.ensure_credential(target)
        passwords.set_password(target, encoded)
        verifications.revoke_proofs(subject=target.id)
        sessions.announce(target)
        publish(PasswordChanged(client=actor.client, actor_id=actor.id, subject_id=target.id))
