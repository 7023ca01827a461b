"""Which fields of a user or session a client may set itself. Source: core.md, "Additional-field rules"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from better_auth import additional_fields, usernames
from better_auth.errors import BadRequest, ErrorCode
from better_auth.http.fields import is_truthy
from better_auth.http.wire import SESSION_FIELDS, USER_FIELDS, WireField, enabled_fields


def ensure_settable_at_sign_up(body: Mapping[str, Any]) -> None:
    """Raises ``FIELD_NOT_ALLOWED``; a field with a default silently keeps it."""
    _ensure([field for field in enabled_fields(USER_FIELDS) if not field.has_default], body)


def columns_of_new_user(body: Mapping[str, Any]) -> dict[str, Any]:
    """What whoever signs up, by whatever way, says of themselves: a user name, and fields of the host's.

    Raises what ``usernames`` refuses, ``FIELD_NOT_ALLOWED``, ``MISSING_FIELD`` or ``VALIDATION_ERROR``.
    """
    names = usernames.read_new(body)
    ensure_settable_at_sign_up(body)
    return {**names, "additional_fields": additional_fields.read_new("user", body)}


def ensure_settable_on_user(body: Mapping[str, Any]) -> None:
    _ensure(enabled_fields(USER_FIELDS), body)


def ensure_settable_on_session(body: Mapping[str, Any]) -> None:
    _ensure(enabled_fields(SESSION_FIELDS), body)


def _ensure(fields: list[WireField], body: Mapping[str, Any]) -> None:
    for field in fields:
        if not field.settable and is_truthy(body.get(field.name)):
            raise BadRequest(ErrorCode.FIELD_NOT_ALLOWED, f"{field.name} is not allowed to be set")
