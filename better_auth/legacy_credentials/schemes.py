"""The schemes by name, and what of the settings belongs to each."""

from __future__ import annotations

from typing import Any

from better_auth.conf import auth_settings
from better_auth.conf.dual_schema import LegacyJwtSettings, LegacySimpleJwtSettings
from better_auth.events import AuthMethod

JWT, SIMPLEJWT, AUTHTOKEN, SESSIONS = "jwt", "simplejwt", "authtoken", "sessions"
NAMES = (JWT, SIMPLEJWT, AUTHTOKEN, SESSIONS)
METHODS = {
    JWT: AuthMethod.LEGACY_JWT,
    SIMPLEJWT: AuthMethod.LEGACY_SIMPLEJWT,
    AUTHTOKEN: AuthMethod.LEGACY_AUTHTOKEN,
    SESSIONS: AuthMethod.LEGACY_SESSION,
}
# A source of this name is no other system: its ids are primary keys of this project's own users.
HOST = "host"

JwtRules = LegacyJwtSettings | LegacySimpleJwtSettings


def rules_of(scheme: str) -> Any:
    """Its group of the settings."""
    return getattr(auth_settings.dual_auth, scheme)


def is_on(scheme: str) -> bool:
    return bool(auth_settings.dual_auth.enabled and rules_of(scheme).enabled)


def source_of(scheme: str) -> str:
    """What the journal calls the system that this scheme is of."""
    source: str = rules_of(scheme).source or auth_settings.migration.source
    return source
