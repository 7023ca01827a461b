"""Mails to the owner of an account: a way to sign in was added or removed.

Whoever reads them may be the first to learn that somebody else did it.
"""

from __future__ import annotations

from better_auth import mail
from better_auth.conf import auth_settings
from better_auth.storage.records import UserRecord


def tell_added(user: UserRecord, *, provider_id: str) -> None:
    _tell("account_added", user, provider_id)


def tell_removed(user: UserRecord, *, provider_id: str) -> None:
    _tell("account_removed", user, provider_id)


def _tell(template: str, user: UserRecord, provider_id: str) -> None:
    if auth_settings.account.notify and user.email:
        mail.send(f"better_auth/email/{template}", to=user.email, name=user.name, provider=provider_id)
