"""What a source gives: users in one neutral shape, or the place of something that is none.

Nothing here is checked yet against rules or against the target; ``checking`` does the one, ``planning`` the
other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Refused(Exception):
    """A record that can't be brought over, with a stable reason and what an operator may read about it.

    ``detail`` never quotes a secret.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class PassedOver(Refused):
    """A record that is no person and is not meant to come; nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class LegacyPassword:
    """``scheme`` says what ``hash`` is (docs/migration/hashes.md), ``params`` what it needs beside itself."""

    scheme: str
    hash: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"LegacyPassword({self.scheme!r})"


@dataclass(frozen=True, slots=True)
class LegacyAccount:
    """An identity at a provider: ``subject`` is what the provider never changes."""

    provider: str
    subject: str
    issuer: str | None = None
    scope: str | None = None
    created_at: datetime | None = None
    tokens: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class LegacySession:
    """A session that goes on; ``token`` is the one that the client has."""

    token: str = field(repr=False)
    expires_at: datetime
    created_at: datetime
    updated_at: datetime
    ip_address: str = ""
    user_agent: str = ""
    active_organization_id: str | None = None
    active_team_id: str | None = None


class RowKind(StrEnum):
    """Of what belongs to an organization, in the order in which it can be written."""

    ORGANIZATION = "organization"
    ROLE = "role"
    TEAM = "team"
    MEMBER = "member"
    INVITATION = "invitation"
    TEAM_MEMBER = "team_member"


@dataclass(frozen=True, slots=True)
class LegacyRow:
    """A row of an organization, by the columns that it has here. A member, an invitation (by its inviter) and
    a member of a team are the user's own; the others come with each who brings their organization."""

    kind: RowKind
    id: str
    organization_id: str
    columns: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class LegacyApiKey:
    """An API key by the columns that it has here. With ``organization_id`` it is that one's, else the
    user's."""

    id: str
    config_id: str
    organization_id: str | None
    columns: Mapping[str, Any] = field(repr=False)

    @property
    def belongs_to(self) -> str:
        return "user" if self.organization_id is None else "organization"


@dataclass(slots=True)
class LegacyUser:
    """One user of the other system.

    ``email`` is as it stands there; ``disabled`` with ``ban_expires`` is for a while; ``verified_by`` are the
    claims of the source, which count only where the source is trusted. ``metadata`` becomes additional
    fields. ``extra`` holds what later parts of the product will want (second factors, passkeys).
    """

    external_id: str
    email: str | None = None
    email_verified: bool = False
    name: str = ""
    image: str | None = None
    username: str | None = None
    phone_number: str | None = None
    phone_number_verified: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    disabled: bool = False
    ban_reason: str | None = None
    ban_expires: datetime | None = None
    deleted_at: datetime | None = None
    password: LegacyPassword | None = None
    accounts: tuple[LegacyAccount, ...] = ()
    sessions: tuple[LegacySession, ...] = ()
    organization_rows: tuple[LegacyRow, ...] = ()
    api_keys: tuple[LegacyApiKey, ...] = ()
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    is_staff: bool = False
    is_superuser: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """A number would be written, and not found again."""
        if type(self.external_id) is not str:
            raise TypeError("LegacyUser wants its external_id as text")


@dataclass(slots=True)
class Read:
    """One step of a source: a user, or why there is none here.

    ``place`` is what an operator finds it by (``line 17``, ``customers 4711``); ``position`` is what the
    source goes on after.
    """

    place: str
    position: str
    user: LegacyUser | None = None
    refusal: Refused | None = None
    external_id: str = ""
