"""What the admin API's requests may hold. Source: admin.md, sections 4 and 5."""

from __future__ import annotations

import math
from typing import Any

from rest_framework import serializers

from better_auth.errors import BadRequest, ErrorCode
from better_auth.features.admin.errors import Code
from better_auth.http.fields import (
    Body,
    StrictChoice,
    StrictField,
    StrictNumber,
    StrictObject,
    StrictText,
)
from better_auth.http.user_columns import LONGEST_REASON
from better_auth.roles import unknown_roles

LONGEST_ROLES = 255
LONGEST_SEARCH = 1000
MOST_VALUES = 100
LARGEST_PAGE = 10_000
FARTHEST_OFFSET = 2**31 - 1
# A hundred years: what is longer is no ban for a time.
LONGEST_BAN = 100 * 365 * 86400


class IdField(StrictField):
    """Whatever comes is made text, as upstream does: an id that is none is nobody's."""

    expected = "nonoptional"

    def __init__(self) -> None:
        super().__init__()
        self.allow_null = True

    def run_validation(self, data: Any = serializers.empty) -> str:
        if data is serializers.empty:
            self.fail("required")
        return "null" if data is None else str(data)


class RolesField(StrictField):
    """One text or a list of them; the text that is kept."""

    types = (str, list)

    def to_internal_value(self, value: Any) -> list[str]:
        roles = [value] if isinstance(value, str) else value
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            raise serializers.ValidationError("Invalid input")
        if len(",".join(roles)) > LONGEST_ROLES:
            raise serializers.ValidationError(
                f"Too big: expected string to have <={LONGEST_ROLES} characters"
            )
        if any(ord(char) < 32 for role in roles for char in role):
            raise serializers.ValidationError("Invalid input: control characters are not allowed")
        return roles


class CountField(StrictField):
    """A number in a query; what is no number counts as not given, as upstream has it."""

    def __init__(self, *, at_most: int) -> None:
        super().__init__(required=False)
        self.at_most = at_most

    def to_internal_value(self, value: Any) -> int:
        text = super().to_internal_value(value)
        try:
            number = float(text)
        except ValueError:
            return 0
        if not math.isfinite(number):
            return 0
        if number < 0 or number != int(number):
            raise serializers.ValidationError("Invalid input: expected a whole number that is not negative")
        if number > self.at_most:
            raise serializers.ValidationError(f"Too big: expected number to be <={self.at_most}")
        return int(number)


class ValuesField(StrictField):
    """One text, or several of a parameter that is repeated."""

    types = (str, list)

    def to_internal_value(self, value: Any) -> list[str]:
        values: list[str] = [value] if isinstance(value, str) else super().to_internal_value(value)
        if len(values) > MOST_VALUES or any(len(text) > LONGEST_SEARCH for text in values):
            raise serializers.ValidationError("Too big: too many values, or too long ones")
        if any("\x00" in text for text in values):
            raise serializers.ValidationError("Invalid input: control characters are not allowed")
        return values


class ListUsersQuery(Body):
    searchValue = StrictText(required=False, max_length=LONGEST_SEARCH)
    searchField = StrictChoice("email", "name")
    searchOperator = StrictChoice("contains", "starts_with", "ends_with")
    filterField = StrictText(required=False)
    filterValue = ValuesField(required=False)
    filterOperator = StrictChoice(
        "eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in", "contains", "starts_with", "ends_with"
    )
    limit = CountField(at_most=LARGEST_PAGE)
    offset = CountField(at_most=FARTHEST_OFFSET)
    sortBy = StrictText(required=False)
    sortDirection = StrictChoice("asc", "desc")


class GetUserQuery(Body):
    id = StrictText()


class CreateUserBody(Body):
    email = StrictText()
    name = StrictText(max_length=1000, printable=True)
    password = StrictText(required=False)
    role = RolesField(required=False)
    data = StrictObject(required=False)  # type: ignore[assignment]  # shadows what a serializer was given


class UpdateUserBody(Body):
    userId = IdField()
    data = StrictObject()  # type: ignore[assignment]


class UserBody(Body):
    userId = IdField()


class SetRoleBody(Body):
    userId = IdField()
    role = RolesField()


class BanSeconds(StrictNumber):
    def to_internal_value(self, value: Any) -> float:
        number: float = super().to_internal_value(value)
        if not 0 <= number <= LONGEST_BAN:
            raise serializers.ValidationError(
                f"Invalid input: expected a number of seconds from 0 to {LONGEST_BAN}"
            )
        return number


class BanUserBody(Body):
    userId = IdField()
    banReason = StrictText(required=False, max_length=LONGEST_REASON)
    banExpiresIn = BanSeconds(required=False)


class RevokeUserSessionBody(Body):
    sessionToken = StrictText()


class SetUserPasswordBody(Body):
    userId = IdField()
    newPassword = StrictText()

    def validate_userId(self, value: str) -> str:
        if not value:
            raise serializers.ValidationError("userId cannot be empty")
        return value

    def validate_newPassword(self, value: str) -> str:
        if not value:
            raise serializers.ValidationError("newPassword cannot be empty")
        return value


class PermissionsField(StrictObject):
    """Resources, each with a list of actions."""

    def to_internal_value(self, value: Any) -> dict[str, list[str]]:
        permissions: dict[str, list[str]] = super().to_internal_value(value)
        for actions in permissions.values():
            if not isinstance(actions, list) or not all(isinstance(action, str) for action in actions):
                raise serializers.ValidationError("Invalid input")
        return permissions


class HasPermissionBody(Body):
    """``permissions``, or ``permission``, an older name for it that upstream lets pass and no more."""

    permissions = PermissionsField(required=False)
    permission = PermissionsField(required=False)

    @classmethod
    def parse(cls, value: Any, *, place: str = "body") -> dict[str, Any]:
        """Exactly one of the two; every mistake is one of the whole body."""
        given = {"permissions", "permission"} & set(value if isinstance(value, dict) else ())
        if len(given) > 1:
            raise _invalid_body("Invalid input: more than one option matched")
        if not given:
            raise _invalid_body("Invalid input")
        try:
            return super().parse(value, place=place)
        except BadRequest:
            raise _invalid_body("Invalid input") from None


def roles_text(roles: list[str]) -> str:
    """As they are kept. Raises ``YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE``."""
    if unknown_roles(roles):
        raise BadRequest(Code.YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE)
    return ",".join(roles)


def roles_in(data: Any) -> str:
    """Of a member of ``data``. Raises ``INVALID_ROLE_TYPE`` besides."""
    try:
        roles = RolesField().to_internal_value(data)
    except serializers.ValidationError:
        raise BadRequest(Code.INVALID_ROLE_TYPE) from None
    return roles_text(roles)


def _invalid_body(message: str) -> BadRequest:
    return BadRequest(ErrorCode.VALIDATION_ERROR, f"[body] {message}")
