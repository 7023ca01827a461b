"""Fields of the bodies here, as strict as the protocol and bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from better_auth.crypto import wire_json
from better_auth.http.fields import (
    LONGEST_IMAGE,
    LONGEST_NAME,
    StrictField,
    StrictObject,
    StrictText,
    type_name,
)
from better_auth.kept_json import is_keepable
from organizations.models import SLUG_LENGTH

LONGEST_METADATA = 64 * 1024
LONGEST_ID = 255
LONGEST_ROLE = 255
MOST_NAMES = 100


class Name(StrictText):
    def __init__(self, *, required: bool = True) -> None:
        super().__init__(required=required, min_length=1, max_length=LONGEST_NAME, printable=True)


class Slug(StrictText):
    def __init__(self, *, required: bool = True) -> None:
        super().__init__(required=required, min_length=1, max_length=SLUG_LENGTH, printable=True)


class Logo(StrictText):
    def __init__(self) -> None:
        super().__init__(required=False, max_length=LONGEST_IMAGE, null=True)


class Id(StrictText):
    def __init__(self, *, required: bool = True, null: bool = False) -> None:
        super().__init__(required=required, null=null, max_length=LONGEST_ID)


class RoleName(StrictText):
    """Commas would make it two."""

    def __init__(self, *, required: bool = True) -> None:
        super().__init__(required=required, min_length=1, max_length=LONGEST_ROLE, printable=True)

    def to_internal_value(self, value: Any) -> str:
        text = super().to_internal_value(value)
        if "," in text or text != text.strip():
            raise serializers.ValidationError("Invalid input: commas and outer spaces are not allowed")
        return text


class Metadata(StrictObject):
    """An object that fits into the column as text."""

    def to_internal_value(self, value: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().to_internal_value(value)
        if not is_keepable(found):
            raise serializers.ValidationError("Invalid input: too deep, too large, or with null characters")
        length = len(wire_json.dumps(found))
        if length > LONGEST_METADATA:
            raise serializers.ValidationError(f"Too big: expected JSON of <={LONGEST_METADATA} characters")
        return found


class TextOrTexts(StrictField):
    """One text or several, each short; the value is always a list."""

    types = (str, list)

    def to_internal_value(self, value: Any) -> list[str]:
        if type(value) not in self.types:
            raise serializers.ValidationError("Invalid input")
        texts: list[Any] = [value] if isinstance(value, str) else value
        if len(texts) > MOST_NAMES:
            raise serializers.ValidationError(f"Too big: expected array to have <={MOST_NAMES} items")
        for text in texts:
            if not isinstance(text, str):
                raise serializers.ValidationError(
                    f"Invalid input: expected string, received {type_name(text)}"
                )
            if len(text) > LONGEST_ROLE or "\x00" in text:
                raise serializers.ValidationError(
                    f"Too big: expected string to have <={LONGEST_ROLE} characters"
                )
        return list(texts)


class PermissionMap(StrictObject):
    """Resources, and for each a list of actions."""

    def to_internal_value(self, value: Any) -> dict[str, list[str]]:
        found: Mapping[str, Any] = super().to_internal_value(value)
        if len(found) > MOST_NAMES:
            raise serializers.ValidationError(f"Too big: expected record to have <={MOST_NAMES} keys")
        for resource, actions in found.items():
            if not isinstance(actions, list) or len(actions) > MOST_NAMES:
                received = type_name(actions)
                raise serializers.ValidationError(
                    {resource[:LONGEST_ROLE]: [f"Invalid input: expected array, received {received}"]}
                )
            if not all(
                isinstance(one, str) and len(one) <= LONGEST_ROLE and "\x00" not in one for one in actions
            ):
                raise serializers.ValidationError(
                    {resource[:LONGEST_ROLE]: ["Invalid input: expected short strings"]}
                )
        return {resource: list(actions) for resource, actions in found.items()}
