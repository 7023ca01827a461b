"""The host's own word in sign-up, sign-in and sessions: callables that the settings name.

``before_*`` runs inside the transaction, before anything is written, and may refuse by raising an
``AuthError``; nothing of the action is then kept. ``after_*`` runs once the transaction has committed; what
it raises is logged and changes nothing. Code that only wants to know has ``better_auth.signals``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from django.db import transaction
from django.utils.module_loading import import_string

from better_auth.conf import auth_settings
from better_auth.events import Client
from better_auth.storage.records import SessionRecord, UserRecord

logger = logging.getLogger("better_auth.hooks")


def before_sign_up(*, email: str, name: str, fields: Mapping[str, Any], client: Client) -> None:
    _run("before_sign_up", email=email, name=name, fields=fields, client=client)


def after_sign_up(user: UserRecord, *, client: Client) -> None:
    _run_on_commit("after_sign_up", user=user, client=client)


def before_sign_in(user: UserRecord, *, method: str, client: Client) -> None:
    """The user is proven; there is no session yet."""
    _run("before_sign_in", user=user, method=method, client=client)


def after_sign_in(user: UserRecord, session: SessionRecord, *, client: Client) -> None:
    _run_on_commit("after_sign_in", user=user, session=session, client=client)


def before_session(user: UserRecord, *, method: str, client: Client) -> None:
    """Before any session is made, whatever for."""
    _run("before_session", user=user, method=method, client=client)


def after_session(user: UserRecord, session: SessionRecord, *, client: Client) -> None:
    _run_on_commit("after_session", user=user, session=session, client=client)


def has_jwt_claims() -> bool:
    return bool(auth_settings.hooks.jwt_claims)


def jwt_claims(user: UserRecord, session: SessionRecord) -> Mapping[str, Any]:
    """What the host puts into JWTs instead of the user. Only where there is such a hook."""
    path = auth_settings.hooks.jwt_claims or ""
    claims: Mapping[str, Any] = import_string(path)(user=user, session=session)
    return claims


def _run(hook: str, /, **arguments: Any) -> None:
    path = getattr(auth_settings.hooks, hook)
    if path:
        _resolve(path)(**arguments)


def _run_on_commit(hook: str, /, **arguments: Any) -> None:
    path = getattr(auth_settings.hooks, hook)
    if path:
        transaction.on_commit(partial(_run_safely, hook, path, arguments), robust=True)


def _run_safely(hook: str, path: str, arguments: dict[str, Any]) -> None:
    try:
        _resolve(path)(**arguments)
    except Exception:  # the host's code may fail in any way, and the change is already made
        logger.exception("hook %s (%s) failed", hook, path)


@lru_cache(maxsize=32)
def _resolve(path: str) -> Callable[..., None]:
    hook: Callable[..., None] = import_string(path)
    return hook
