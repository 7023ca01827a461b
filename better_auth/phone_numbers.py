"""What a telephone number may be, and who may write it. Source: passwordless.md, section 3.

Numbers are compared as they are given: a front end should send them in one form, best that of E.164.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from django.utils.module_loading import import_string

from better_auth.conf import auth_settings
from better_auth.errors import BadRequest

FEATURE = "phone_number"
# What the column holds.
LONGEST = 64


class Code(Enum):
    """The member's name is the code on the wire, its value the message."""

    INVALID_PHONE_NUMBER = "Invalid phone number"
    PHONE_NUMBER_EXIST = "Phone number already exists"
    INVALID_PHONE_NUMBER_OR_PASSWORD = "Invalid phone number or password"
    UNEXPECTED_ERROR = "Unexpected error"
    OTP_NOT_FOUND = "OTP not found"
    OTP_EXPIRED = "OTP expired"
    INVALID_OTP = "Invalid OTP"
    TOO_MANY_ATTEMPTS = "Too many attempts"
    PHONE_NUMBER_NOT_VERIFIED = "Phone number not verified"
    PHONE_NUMBER_PENDING_VERIFICATION = "Phone number requires account ownership proof"
    PHONE_NUMBER_CANNOT_BE_UPDATED = "Phone number cannot be updated"
    PHONE_NUMBER_CANNOT_BE_SET = "Phone number can only be set by verifying it"
    SEND_OTP_NOT_IMPLEMENTED = "sendOTP not implemented"
    FAILED_TO_UPDATE_USER = "Failed to update user"


def is_offered() -> bool:
    return FEATURE in auth_settings.features


def ensure_valid(number: str) -> None:
    """Raises ``INVALID_PHONE_NUMBER``; what else is one, the host's validator says."""
    path = auth_settings.phone_number.validator
    is_storable = 0 < len(number) <= LONGEST and number.isprintable()
    if not is_storable or (path and not import_string(path)(number)):
        raise BadRequest(Code.INVALID_PHONE_NUMBER)


def ensure_not_set(body: Mapping[str, Any]) -> None:
    """At sign-up nobody has shown that a number is theirs. Raises ``PHONE_NUMBER_CANNOT_BE_SET``."""
    if is_offered() and body.get("phoneNumber") is not None:
        raise BadRequest(Code.PHONE_NUMBER_CANNOT_BE_SET)


def read_changes(body: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a change of one's own record sets: a null takes the number away, nothing else may be
    written. Raises ``PHONE_NUMBER_CANNOT_BE_UPDATED``."""
    if not is_offered() or "phoneNumber" not in body:
        return {}
    if body["phoneNumber"] is not None:
        raise BadRequest(Code.PHONE_NUMBER_CANNOT_BE_UPDATED)
    return {"phone_number": None, "phone_number_verified": False}
