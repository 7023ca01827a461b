"""Who must have a second factor before they can do anything else: an addition of ours.

``TWO_FACTOR.REQUIRED_ROLES`` names roles, ``REQUIRED_BY`` callables for whatever else asks for it, such as an
organization.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from django.utils.module_loading import import_string

from better_auth import roles
from better_auth.conf import auth_settings
from better_auth.events import AuthMethod
from better_auth.storage.records import SessionRecord, UserRecord

# What asks for no password, and is a key that cannot be told to anybody.
STRONG = frozenset({AuthMethod.PASSKEY})
Requirement = Callable[[UserRecord], bool]


def are_configured() -> bool:
    rules = auth_settings.two_factor
    return "two_factor" in auth_settings.features and bool(rules.required_roles or rules.required_by)


def must_enrol(user: UserRecord, session: SessionRecord | None) -> bool:
    """Signed in, and without the second factor that they must have. Whoever came by a passkey has shown as
    much; who acts in somebody's name is not asked for theirs, nor is a program with an API key."""
    if user.two_factor_enabled or session is None or not are_configured():
        return False
    if session.impersonated_by or session.auth_method in (*STRONG, AuthMethod.API_KEY):
        return False
    return is_required(user)


def is_required(user: UserRecord) -> bool:
    rules = auth_settings.two_factor
    if rules.required_roles and not set(rules.required_roles).isdisjoint(roles.names_of(user)):
        return True
    return any(asks(user) for asks in _resolve(rules.required_by))


@lru_cache(maxsize=8)
def _resolve(paths: tuple[str, ...]) -> tuple[Requirement, ...]:
    return tuple(import_string(path) for path in paths)
