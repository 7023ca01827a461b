"""The last step of every way to sign in: gates, session, event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.utils.module_loading import import_string

from better_auth import clock, hooks, sessions, users
from better_auth.conf import auth_settings
from better_auth.events import AuthMethod, Client, SignedIn, publish
from better_auth.sessions import IssuedSession, Keepsake
from better_auth.storage.records import UserRecord


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """Somebody has proven who they are by ``method``, and what gates may go by. ``second_factor``: what they
    have shown beside that, if they have."""

    user: UserRecord
    client: Client
    method: AuthMethod
    remember: bool | None = True
    second_factor: str = ""


@dataclass(frozen=True, slots=True)
class SignInChallenge:
    """A gate wants more before it lets the user in: what to answer, as the gate's feature words it, and what
    the client keeps until it comes back."""

    kind: str
    body: dict[str, Any]
    keepsakes: tuple[Keepsake, ...] = ()


@dataclass(frozen=True, slots=True)
class Cleared:
    """A gate lets the user in, and has something for the client to keep."""

    keepsakes: tuple[Keepsake, ...] = ()


SignInOutcome = IssuedSession | SignInChallenge
Gate = Callable[[SignInAttempt], SignInChallenge | Cleared | None]


def complete_sign_in(
    user: UserRecord,
    *,
    method: AuthMethod,
    client: Client,
    remember: bool | None = True,
    second_factor: str = "",
) -> SignInOutcome:
    """Ask the gates; then issue a session and say so. Nothing is issued to somebody half proven.

    Raises ``Forbidden`` for a banned user; a ban that has run out is lifted.
    """
    attempt = SignInAttempt(user, client, method, remember, second_factor)
    keepsakes: list[Keepsake] = []
    for gate in _resolve(auth_settings.sign_in_gates):
        answer = gate(attempt)
        if isinstance(answer, SignInChallenge):
            return answer
        keepsakes += answer.keepsakes if answer else ()
    with transaction.atomic():
        issued = _issue(attempt)
    return replace(issued, keepsakes=tuple(keepsakes)) if keepsakes else issued


def _issue(attempt: SignInAttempt) -> IssuedSession:
    user, method, client = attempt.user, attempt.method, attempt.client
    hooks.before_sign_in(user, method=method, client=client)
    if user.banned and not user.is_banned(clock.now()):
        user = users.update(user, banned=False, ban_reason=None, ban_expires=None)
    beside: dict[str, Any] = {"second_factor": attempt.second_factor} if attempt.second_factor else {}
    issued = sessions.issue(user, client=client, method=method, remember=attempt.remember, **beside)
    users.note_sign_in(user, method=method)
    publish(
        SignedIn(
            client=client, subject_id=user.id, session_id=issued.session.id, method=method, details=beside
        )
    )
    hooks.after_sign_in(user, issued.session, client=client)
    return issued


@lru_cache(maxsize=8)
def _resolve(paths: tuple[str, ...]) -> tuple[Gate, ...]:
    return tuple(import_string(path) for path in paths)
