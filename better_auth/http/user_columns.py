"""A user's members on the wire and the columns behind them, for whoever administers users.

Source: admin.md, sections 3 to 5. Members of a feature that is switched off are unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from better_auth import additional_fields, clock, usernames
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode
from better_auth.http.fields import LONGEST_IMAGE, LONGEST_NAME, type_name
from better_auth.storage.user_search import Column, Kind

LONGEST_REASON = 1000
EARLIEST, LATEST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
KINDS: Mapping[str, Kind] = {"number": "number", "boolean": "text"}


@dataclass(frozen=True, slots=True)
class Member:
    """``column``: of ``UserRecord``; ``longest``: in characters, also what its column holds."""

    column: str
    kind: Kind = "text"
    feature: str | None = None
    settable: bool = True
    nullable: bool = False
    longest: int = 255


MEMBERS: Mapping[str, Member] = {
    "id": Member("id", settable=False),
    "name": Member("name", longest=LONGEST_NAME),
    "email": Member("email", settable=False),
    "emailVerified": Member("email_verified", "boolean"),
    "image": Member("image", nullable=True, longest=LONGEST_IMAGE),
    "createdAt": Member("created_at", "moment"),
    "updatedAt": Member("updated_at", "moment", settable=False),
    "isAnonymous": Member("anonymous", "boolean", "anonymous"),
    "username": Member("username", feature="username", nullable=True),
    "displayUsername": Member("display_username", feature="username", nullable=True),
    "phoneNumber": Member("phone_number", feature="phone_number", nullable=True, longest=64),
    "phoneNumberVerified": Member("phone_number_verified", "boolean", "phone_number", nullable=True),
    "role": Member("role", feature="admin", settable=False),
    "banned": Member("banned", "boolean", "admin"),
    "banReason": Member("ban_reason", feature="admin", nullable=True, longest=LONGEST_REASON),
    "banExpires": Member("ban_expires", "moment", "admin", nullable=True),
    "twoFactorEnabled": Member("two_factor_enabled", "boolean", "two_factor"),
}


def searchable(name: str) -> Column | None:
    """The column behind a member, of the host's own fields too; None for what no answer shows."""
    member = _known(name)
    if member:
        return Column(member.column, member.kind)
    for field in additional_fields.declared("user"):
        if field.name == name and field.returned and field.type in ("string", "number", "boolean"):
            return Column("additional_fields", KINDS.get(field.type, "text"), field.name, field.default)
    return None


def sought(column: Column, operator: str, text: str, *, place: str) -> Any:
    """What a text of a query means for a column. Raises ``VALIDATION_ERROR``."""
    if column.kind == "boolean":
        return _sought_boolean(text, place)
    if operator in ("contains", "starts_with", "ends_with") and column.kind != "text":
        raise _invalid(place, f"Invalid input: {operator} is for texts")
    if column.kind == "number":
        try:
            return float(text)
        except ValueError:
            raise _invalid(place, "Invalid input: expected number, received string") from None
    return _moment(text, place) if column.kind == "moment" else text


def read_columns(data: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that an administrator's ``data`` sets; what is unknown is passed over, as upstream does.

    ``id``, ``email`` and ``role`` have rules of their own. Raises ``VALIDATION_ERROR``.
    """
    columns: dict[str, Any] = {}
    for name, value in data.items():
        member = _known(name)
        if member and member.settable:
            columns[member.column] = _checked(member, value, f"body.data.{name}")
    if columns.get("username"):
        columns["username"] = usernames.accepted(columns["username"])
    fields = additional_fields.read_trusted("user", data)
    return {**columns, "additional_fields": fields} if fields else columns


def _known(name: str) -> Member | None:
    member = MEMBERS.get(name)
    if member is None or (member.feature and member.feature not in auth_settings.features):
        return None
    return member


def _checked(member: Member, value: Any, place: str) -> Any:
    if value in (None, "") and member.nullable:  # empty texts of two users would be one value
        return None
    if member.kind == "boolean":
        if not isinstance(value, bool):
            raise _invalid(place, f"Invalid input: expected boolean, received {type_name(value)}")
        return value
    if not isinstance(value, str):
        raise _invalid(place, f"Invalid input: expected string, received {type_name(value)}")
    if len(value) > member.longest:
        raise _invalid(place, f"Too big: expected string to have <={member.longest} characters")
    if any(ord(char) < 32 and char not in "\n\t" for char in value):
        raise _invalid(place, "Invalid input: control characters are not allowed")
    return _moment(value, place) if member.kind == "moment" else value


def _sought_boolean(text: str, place: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if text not in words:
        raise _invalid(place, "Invalid input: expected boolean, received string")
    return words[text]


def _moment(text: str, place: str) -> datetime:
    """ISO 8601; without a zone it is UTC, and without a time midnight."""
    try:
        found = parse_datetime(text if len(text) > len("2026-01-01") else f"{text}T00:00:00")
        found = found.replace(tzinfo=found.tzinfo or UTC) if found else None
        if found and EARLIEST <= found <= LATEST:
            return clock.to_milliseconds(found.astimezone(UTC))
    except (ValueError, OverflowError):
        pass
    raise _invalid(place, "Invalid input: expected date, received string")


def _invalid(place: str, message: str) -> BadRequest:
    return BadRequest(ErrorCode.VALIDATION_ERROR, f"[{place}] {message}")
