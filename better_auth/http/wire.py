"""Records as they appear on the wire, and the only place that knows the wire's names.

Source: core.md, "User, Session, Account output objects"; the fields of each feature from its own document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from better_auth import additional_fields, clock
from better_auth.accounts import AccountRecord
from better_auth.conf import auth_settings
from better_auth.events import AuthMethod
from better_auth.storage.records import SessionRecord, UserRecord


@dataclass(frozen=True, slots=True)
class WireField:
    """A field that a feature adds. ``has_default``: sent at sign-up it is passed over, not refused.
    ``is_shown``: whether the settings want it, where they have a say."""

    name: str
    read: Callable[[Any], Any]
    settable: bool = False
    has_default: bool = False
    is_shown: Callable[[], bool] | None = None


def iso(moment: datetime | None) -> str | None:
    return clock.iso(moment) if moment else None


USER_FIELDS: Mapping[str, tuple[WireField, ...]] = {
    "anonymous": (WireField("isAnonymous", lambda user: user.anonymous, has_default=True),),
    "username": (
        WireField("username", lambda user: user.username, settable=True),
        WireField(
            "displayUsername",
            lambda user: user.display_username,
            settable=True,
            is_shown=lambda: auth_settings.username.display_username,
        ),
    ),
    "phone_number": (
        WireField("phoneNumber", lambda user: user.phone_number, settable=True),
        WireField("phoneNumberVerified", lambda user: user.phone_number_verified),
    ),
    "admin": (
        WireField("role", lambda user: user.role),
        WireField("banned", lambda user: user.banned, has_default=True),
        WireField("banReason", lambda user: user.ban_reason),
        WireField("banExpires", lambda user: iso(user.ban_expires)),
    ),
    "two_factor": (WireField("twoFactorEnabled", lambda user: user.two_factor_enabled, has_default=True),),
}
SESSION_FIELDS: Mapping[str, tuple[WireField, ...]] = {
    "admin": (WireField("impersonatedBy", lambda session: session.impersonated_by),),
    "organization": (
        WireField("activeOrganizationId", lambda session: session.active_organization_id),
        WireField("activeTeamId", lambda session: session.active_team_id),
    ),
}
WITHOUT_FIELDS = (
    "bearer",
    "device_authorization",
    "email_otp",
    "jwt",
    "magic_link",
    "multi_session",
    "one_time_token",
    "passkey",
)
FEATURES = frozenset({*WITHOUT_FIELDS, *USER_FIELDS, *SESSION_FIELDS})


def enabled_fields(fields: Mapping[str, tuple[WireField, ...]]) -> list[WireField]:
    """Those of the features that are switched on."""
    enabled = auth_settings.features
    return [
        field
        for feature, added in fields.items()
        if feature in enabled
        for field in added
        if field.is_shown is None or field.is_shown()
    ]


def user_object(user: UserRecord) -> dict[str, Any]:
    return {
        "name": user.name,
        "email": user.email,
        "emailVerified": user.email_verified,
        "image": user.image,
        "createdAt": iso(user.created_at),
        "updatedAt": iso(user.updated_at),
        **{field.name: field.read(user) for field in enabled_fields(USER_FIELDS)},
        **additional_fields.show("user", user.additional_fields),
        "id": user.id,
    }


def session_object(session: SessionRecord, *, token: str) -> dict[str, Any]:
    """``token``: what the caller presented, or the handle of a session that is not the caller's own.

    The session of an API key has no row, and none of the fields that features add to rows.
    """
    more: dict[str, Any] = {}
    if session.auth_method != AuthMethod.API_KEY:
        more = {field.name: field.read(session) for field in enabled_fields(SESSION_FIELDS)}
        more |= additional_fields.show("session", session.additional_fields)
    return {
        "expiresAt": iso(session.expires_at),
        "token": token,
        "createdAt": iso(session.created_at),
        "updatedAt": iso(session.updated_at),
        "ipAddress": session.ip_address,
        "userAgent": session.user_agent,
        "userId": session.user_id,
        **more,
        "id": session.id,
    }


def account_object(account: AccountRecord) -> dict[str, Any]:
    return {
        "id": account.id,
        "accountId": account.account_id,
        "providerId": account.provider_id,
        "userId": account.user_id,
        "scopes": list(account.scopes),
        "createdAt": iso(account.created_at),
        "updatedAt": iso(account.updated_at),
    }
