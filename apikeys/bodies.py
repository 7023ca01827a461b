"""Bodies and queries of the endpoints, as strict as the protocol. Source: api-key.md, sections 4 and 5."""

from __future__ import annotations

import re
from typing import Any

from rest_framework import serializers

from apikeys.columns import LARGEST
from better_auth.http.fields import (
    Anything,
    Body,
    StrictBoolean,
    StrictChoice,
    StrictField,
    StrictNumber,
    StrictObject,
    StrictText,
)

PREFIX = re.compile(r"[A-Za-z0-9_-]+")
LONGEST_ID = 255
# Members that only the server may set, and the columns that they stand for.
SERVER_ONLY = {
    "remaining": "remaining",
    "refillAmount": "refill_amount",
    "refillInterval": "refill_interval",
    "rateLimitEnabled": "rate_limit_enabled",
    "rateLimitMax": "rate_limit_max",
    "rateLimitTimeWindow": "rate_limit_time_window",
    "permissions": "permissions",
}


class Number(StrictNumber):
    """A number of at least ``minimum``, and no larger than JavaScript counts."""

    def __init__(self, *, minimum: int | None = None, null: bool = False) -> None:
        super().__init__(required=False)
        self.allow_null, self.minimum = null, minimum

    def to_internal_value(self, value: Any) -> Any:
        number = super().to_internal_value(value)
        if self.minimum is not None and number < self.minimum:
            raise serializers.ValidationError(f"Too small: expected number to be >={self.minimum}")
        if not abs(number) <= LARGEST:
            raise serializers.ValidationError(f"Too big: expected number to be <={LARGEST}")
        return number


class Count(StrictField):
    """A whole number, 0 or more, as a query spells it."""

    expected = "number"

    def __init__(self) -> None:
        super().__init__(required=False)

    def to_internal_value(self, value: Any) -> int:
        text = str(super().to_internal_value(value)).strip()
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise serializers.ValidationError("Invalid input: expected int, received string")
        return int(text)


class Prefix(StrictText):
    def to_internal_value(self, value: Any) -> str:
        text = super().to_internal_value(value)
        if not PREFIX.fullmatch(text):
            raise serializers.ValidationError(
                "Invalid prefix format, must be alphanumeric and contain only underscores and hyphens."
            )
        return text


class Permissions(StrictObject):
    """Resource to a list of actions."""

    def __init__(self) -> None:
        super().__init__(required=False)
        self.allow_null = True

    def to_internal_value(self, value: Any) -> dict[str, list[str]]:
        granted: dict[str, list[str]] = super().to_internal_value(value)
        for actions in granted.values():
            if not isinstance(actions, list) or not all(isinstance(one, str) for one in actions):
                raise serializers.ValidationError("Invalid input: expected array of strings")
        return granted


class _KeyBody(Body):
    configId = StrictText(required=False, max_length=LONGEST_ID)
    name = StrictText(required=False)
    expiresIn = Number(minimum=1, null=True)
    metadata = Anything()
    userId = Anything()
    refillAmount = Number(minimum=1)
    refillInterval = Number()
    rateLimitEnabled = StrictBoolean(required=False)
    rateLimitMax = Number()
    rateLimitTimeWindow = Number()
    permissions = Permissions()


class CreateBody(_KeyBody):
    prefix = Prefix(required=False)
    remaining = Number(minimum=0, null=True)
    organizationId = Anything()


class UpdateBody(_KeyBody):
    keyId = StrictText()
    enabled = StrictBoolean(required=False)
    remaining = Number(minimum=1)


class KeyBody(Body):
    keyId = StrictText()
    configId = StrictText(required=False, max_length=LONGEST_ID)


class RotateBody(KeyBody):
    overlap = Number(minimum=0)


class GetQuery(Body):
    id = StrictText()
    configId = StrictText(required=False, max_length=LONGEST_ID)


class UsageQuery(GetQuery):
    days = Count()


class ListQuery(Body):
    configId = StrictText(required=False, max_length=LONGEST_ID)
    organizationId = StrictText(required=False, max_length=LONGEST_ID)
    limit = Count()
    offset = Count()
    sortBy = StrictText(required=False)
    sortDirection = StrictChoice("asc", "desc")
