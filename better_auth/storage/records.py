"""Frozen records of users and sessions: what every layer above the store works with.

With ``users.py``, the only module that knows which of the two ways to have users is in force: the user row
carries our columns itself (a subclass of ``AbstractBetterAuthUser``), or a ``UserProfile`` beside it does.
The row that carries them is called the *carrier* here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model

from better_auth.events import AuthMethod
from better_auth.models import AbstractBetterAuthUser, Session, UserProfile


@dataclass(frozen=True, slots=True)
class UserRecord:
    """``key`` is the host's primary key, ``id`` the id on the wire."""

    key: Any
    id: str
    name: str
    email: str
    email_verified: bool
    image: str | None
    created_at: datetime
    updated_at: datetime
    username: str | None
    display_username: str | None
    phone_number: str | None
    phone_number_verified: bool | None
    anonymous: bool
    role: str | None
    banned: bool
    ban_reason: str | None
    ban_expires: datetime | None
    two_factor_enabled: bool
    additional_fields: Mapping[str, Any]
    is_active: bool
    deleted_at: datetime | None

    def is_banned(self, at: datetime) -> bool:
        """Banned, and the ban has not run out."""
        return self.banned and (self.ban_expires is None or self.ban_expires > at)

    def is_shut_out(self, at: datetime) -> bool:
        """Nothing of this user may be accepted: banned, switched off by the host, or deleted."""
        return self.is_banned(at) or not self.is_active or self.deleted_at is not None


# Of UserRecord: what the carrier has beside the ids.
OF_CARRIER = tuple(
    field.name for field in fields(UserRecord) if field.name not in ("key", "id", "is_active", "deleted_at")
)


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """``user_key`` is the host's primary key, ``user_id`` the id on the wire."""

    id: str
    token_hash: str
    user_key: Any
    user_id: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    last_seen_at: datetime | None
    ip_address: str
    user_agent: str
    auth_method: str
    second_factor: str
    impersonated_by: str | None
    active_organization_id: str | None
    active_team_id: str | None
    additional_fields: Mapping[str, Any]

    @property
    def factors(self) -> tuple[str, ...]:
        """What was shown, as principals tell it: a second factor, or a passkey whose device asked who is
        there."""
        if self.auth_method == AuthMethod.PASSKEY:
            return ("passkey", "second_factor") if self.second_factor else ("passkey",)
        return ("second_factor",) if self.second_factor else ()


def has_user_row() -> bool:
    """The user model in force carries our columns itself."""
    return issubclass(get_user_model(), AbstractBetterAuthUser)


def carrier_model() -> type[Model]:
    return get_user_model() if has_user_row() else UserProfile


def user_record(carrier: Any) -> UserRecord:
    """The record of a carrier row; of a profile its ``user`` should have been selected with it."""
    user = carrier if isinstance(carrier, AbstractBetterAuthUser) else carrier.user
    return UserRecord(
        key=user.pk,
        id=carrier.pk if carrier is user else carrier.public_id,
        name=carrier.name,
        email=carrier.email or "",
        email_verified=carrier.email_verified,
        image=carrier.image,
        created_at=carrier.created_at,
        updated_at=carrier.updated_at,
        username=carrier.username,
        display_username=carrier.display_username,
        phone_number=carrier.phone_number,
        phone_number_verified=carrier.phone_number_verified,
        anonymous=carrier.anonymous,
        role=carrier.role,
        banned=carrier.banned,
        ban_reason=carrier.ban_reason,
        ban_expires=carrier.ban_expires,
        two_factor_enabled=carrier.two_factor_enabled,
        additional_fields=carrier.additional_fields,
        is_active=user.is_active,
        deleted_at=carrier.deleted_at,
    )


@lru_cache(maxsize=4)
def user_columns(*, from_session: bool = False) -> tuple[str, ...] | None:
    """The columns of ``UserRecord`` in its order, seen from the carrier or from a session.

    None where ``is_active`` is no column of the host's model: then only an instance of it knows.
    """
    if not _is_column("is_active"):
        return None
    user = "user__" if from_session else "" if has_user_row() else "user__"
    carrier = user if has_user_row() else "user__better_auth_profile__" if from_session else ""
    key = "user_id" if from_session or not has_user_row() else "id"
    wire_id = f"{carrier}{'id' if has_user_row() else 'public_id'}"
    others = [f"{carrier}{name}" for name in OF_CARRIER]
    return (key, wire_id, *others, f"{user}is_active", f"{carrier}deleted_at")


def user_from(values: Sequence[Any]) -> UserRecord:
    """The record of ``user_columns``."""
    key, wire_id, name, email, *others = values
    shown: list[Any] = [key, wire_id, name, email or "", *others]
    return UserRecord(*shown)


def _is_column(name: str) -> bool:
    try:
        return bool(get_user_model()._meta.get_field(name).concrete)
    except FieldDoesNotExist:
        return False


def session_record(row: Session, *, user_id: str) -> SessionRecord:
    return SessionRecord(
        id=row.id,
        token_hash=row.token_hash,
        user_key=row.user_id,
        user_id=user_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
        last_seen_at=row.last_seen_at,
        ip_address=row.ip_address,
        user_agent=row.user_agent,
        auth_method=row.auth_method,
        second_factor=row.second_factor,
        impersonated_by=row.impersonated_by,
        active_organization_id=row.active_organization_id,
        active_team_id=row.active_team_id,
        additional_fields=row.additional_fields,
    )
