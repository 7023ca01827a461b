"""What a user name may be, and what is kept of it. Source: passwordless.md, section 4.

Kept are the normal form, by which people sign in and which is one person's alone, and the form to be shown.
Lengths count in UTF-16 code units, as in JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from django.utils.module_loading import import_string

from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode

FEATURE = "username"
USUAL = re.compile(r"[a-zA-Z0-9_.]+")
# What the columns hold.
LONGEST = 255


class Code(Enum):
    """The member's name is the code on the wire, its value the message."""

    INVALID_USERNAME_OR_PASSWORD = "Invalid username or password"
    USERNAME_IS_ALREADY_TAKEN = "Username is already taken. Please try another."
    USERNAME_TOO_SHORT = "Username is too short"
    USERNAME_TOO_LONG = "Username is too long"
    INVALID_USERNAME = "Username is invalid"
    INVALID_DISPLAY_USERNAME = "Display username is invalid"
    USERNAME_IS_IMMUTABLE = "Username cannot be updated"


def is_offered() -> bool:
    return FEATURE in auth_settings.features


def normalized(username: str) -> str:
    """The form that is kept and looked up: in lower case, unless the settings say otherwise."""
    rules = auth_settings.username
    if rules.normalizer:
        return str(import_string(rules.normalizer)(username))
    return username.lower() if rules.normalize else username


def find_mistake(username: str) -> Code | None:
    """What is wrong with a user name, whoever has it."""
    rules = auth_settings.username
    judged = normalized(username) if rules.validation_order == "post-normalization" else username
    if _length(judged) < rules.min_length:
        return Code.USERNAME_TOO_SHORT
    if _length(judged) > min(rules.max_length, LONGEST) or len(normalized(username)) > LONGEST:
        return Code.USERNAME_TOO_LONG
    if not _is_storable(username) or not _is_valid(judged):
        return Code.INVALID_USERNAME
    return None


def accepted(username: str) -> str:
    """The normal form of a user name that may be. Raises ``BadRequest`` with the mistake's code."""
    mistake = find_mistake(username)
    if mistake:
        raise BadRequest(mistake)
    return normalized(username)


def read_new(body: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a new user. Of the two forms, the one that is given gives the other, if it may."""
    if not is_offered():
        return {}
    username, shown = _text(body, "username"), _text(body, "displayUsername")
    if "username" not in body and shown and not find_mistake(shown):
        username = shown
    columns: dict[str, Any] = {}
    if username is not None:
        columns["username"] = accepted(username)
        shown = shown or username
    if shown and auth_settings.username.display_username:
        columns["display_username"] = _accepted_display(shown)
    return columns


def read_changes(body: Mapping[str, Any], *, present: str | None) -> dict[str, Any]:
    """The columns that a change of one's own record sets; ``present``: the user name so far.

    A null clears; the form that is not given stays. Raises ``BadRequest``.
    """
    if not is_offered():
        return {}
    columns: dict[str, Any] = {}
    if "username" in body:
        username = _text(body, "username")
        columns["username"] = None if username is None else accepted(username)
        if auth_settings.username.immutable and present and columns["username"] != present:
            raise BadRequest(Code.USERNAME_IS_IMMUTABLE)
    if "displayUsername" in body and auth_settings.username.display_username:
        shown = _text(body, "displayUsername")
        columns["display_username"] = _accepted_display(shown) if shown else None
    return columns


def _accepted_display(shown: str) -> str:
    rules = auth_settings.username
    kept = str(import_string(rules.display_normalizer)(shown)) if rules.display_normalizer else shown
    judged = kept if rules.display_validation_order == "post-normalization" else shown
    is_valid = not rules.display_validator or import_string(rules.display_validator)(judged)
    if not is_valid or not _is_storable(kept):
        raise BadRequest(Code.INVALID_DISPLAY_USERNAME)
    return kept


def _is_valid(username: str) -> bool:
    path = auth_settings.username.validator
    return bool(import_string(path)(username) if path else USUAL.fullmatch(username))


def _is_storable(text: str) -> bool:
    return len(text) <= LONGEST and not any(ord(char) < 32 or ord(char) == 127 for char in text)


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRequest(ErrorCode.VALIDATION_ERROR, f"[body.{name}] Invalid input: expected string")
    return value


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
