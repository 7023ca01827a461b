"""Django's own ``user_logged_in``, ``user_logged_out`` and ``user_login_failed``, for host code that listens.

They are sent after the commit, without a request. Where nobody but Django listens nothing is looked up.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from better_auth import users
from better_auth.events import Event, SignedIn, SignedOut, SignInFailed, committed

# django.contrib.auth itself listens to user_logged_in, to write last_login; we write that ourselves.
OWN_LISTENERS = 1


def announce(*, event: Event, **kwargs: Any) -> None:
    if isinstance(event, SignedIn) and len(user_logged_in.receivers) > OWN_LISTENERS:
        _send(user_logged_in, event)
    elif isinstance(event, SignedOut) and user_logged_out.receivers:
        _send(user_logged_out, event)
    elif isinstance(event, SignInFailed) and user_login_failed.receivers:
        user_login_failed.send_robust(
            sender=__name__, credentials={"user_id": event.subject_id}, request=None
        )


def connect() -> None:
    committed.connect(announce, dispatch_uid="better_auth.django_signals")


def _send(signal: Any, event: Event) -> None:
    user = users.find_by_id(event.subject_id)
    if user:
        row = users.row_of(user)
        signal.send_robust(sender=type(row), request=None, user=row)
