"""Which settings name something of the host's by a dotted path, by their group."""

from __future__ import annotations

import dataclasses

from better_auth.conf import auth_settings
from better_auth.conf.schema import HookSettings

HOOKS = tuple(field.name for field in dataclasses.fields(HookSettings))
CALLABLES = {
    "anonymous": ("generate_random_email", "generate_name", "on_link_account"),
    "device_authorization": ("validate_client", "on_request"),
    "email_otp": ("sender",),
    "hooks": HOOKS,
    "magic_link": ("sender",),
    "passkey": ("resolve_user", "after_registration"),
    "phone_number": (
        "sender",
        "temporary_email",
        "temporary_name",
        "validator",
        "verifier",
        "on_verification",
    ),
    "username": ("validator", "normalizer", "display_validator", "display_normalizer"),
}


def named() -> dict[str, tuple[str, ...]]:
    """The paths that are set, by the group as ``BETTER_AUTH`` spells it."""
    return {group.upper(): _paths(group, names) for group, names in CALLABLES.items()}


def _paths(group: str, names: tuple[str, ...]) -> tuple[str, ...]:
    rules = getattr(auth_settings, group)
    return tuple(path for path in (getattr(rules, name) for name in names) if path)
