"""The last step of every way to sign in: gates, session, event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.utils.module_loading import import_string

from better_auth import clock, hooks, sessions, users
from better_auth.conf import auth_settings
from better_auth.events import AuthMethod, Client, SignedIn, publish
from better_auth.sessions import IssuedSession
from better_auth.storage.records import UserRecord


@dataclass(frozen=True, slots=True)
class SignInChallenge:
    """A gate wants more before it lets the user in: what to answer, as the gate's feature words it."""

    kind: str
    body: dict[str, Any]


SignInOutcome = IssuedSession | SignInChallenge
Gate = Callable[[UserRecord, Client], SignInChallenge | None]


def complete_sign_in(
    user: UserRecord, *, method: AuthMethod, client: Client, remember: bool | None = True
) -> SignInOutcome:
    """Ask the gates; then issue a session and say so. Nothing is issued to somebody half proven.

    Raises ``Forbidden`` for a banned user; a ban that has run out is lifted.
    """
    for gate in _resolve(auth_settings.sign_in_gates):
        challenge = gate(user, client)
        if challenge is not None:
            return challenge
    with transaction.atomic():
        hooks.before_sign_in(user, method=method, client=client)
        if user.banned and not user.is_banned(clock.now()):
            user = users.update(user, banned=False, ban_reason=None, ban_expires=None)
        issued = sessions.issue(user, client=client, method=method, remember=remember)
        users.note_sign_in(user, method=method)
        publish(SignedIn(client=client, subject_id=user.id, session_id=issued.session.id, method=method))
        hooks.after_sign_in(user, issued.session, client=client)
    return issued


@lru_cache(maxsize=8)
def _resolve(paths: tuple[str, ...]) -> tuple[Gate, ...]:
    return tuple(import_string(path) for path in paths)
