"""Serializer fields that are as strict as the protocol, and speak of errors as it does.

DRF's own fields turn ``123`` into ``"123"`` and ``"yes"`` into true; the protocol refuses both. Messages as
in core.md, "Validation failure".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rest_framework import serializers

from better_auth.addresses import is_email as is_email
from better_auth.errors import BadRequest, ErrorCode

# Upstream has no bounds; these keep a row, and what every answer carries, within reason.
LONGEST_NAME = 1000
LONGEST_IMAGE = 512 * 1024


def type_name(value: object) -> str:
    """What JavaScript's validators call the type of a JSON value."""
    names = {
        type(None): "null",
        bool: "boolean",
        int: "number",
        float: "number",
        str: "string",
        list: "array",
    }
    return names.get(type(value), "object")


def is_truthy(value: object) -> bool:
    """As JavaScript takes it: an empty list or object counts as given."""
    return bool(value) or isinstance(value, (list, dict))


class StrictField(serializers.Field):  # type: ignore[type-arg]
    """``expected``: the type's name in messages."""

    expected = "string"
    types: tuple[type, ...] = (str,)

    def __init__(self, *, required: bool = True) -> None:
        super().__init__(required=required, allow_null=False)
        self.error_messages["required"] = f"Invalid input: expected {self.expected}, received undefined"
        self.error_messages["null"] = f"Invalid input: expected {self.expected}, received null"

    def to_internal_value(self, value: Any) -> Any:
        if type(value) not in self.types:
            message = f"Invalid input: expected {self.expected}, received {type_name(value)}"
            raise serializers.ValidationError(message)
        return value

    def to_representation(self, value: Any) -> Any:
        return value


class StrictText(StrictField):
    """Text of ``min_length`` to ``max_length`` characters; never with a null character, which no database
    of ours could store. ``printable`` also refuses line breaks and other control characters."""

    def __init__(
        self,
        *,
        required: bool = True,
        min_length: int = 0,
        max_length: int | None = None,
        printable: bool = False,
        null: bool = False,
    ) -> None:
        super().__init__(required=required)
        self.allow_null = null
        self.min_length, self.max_length, self.printable = min_length, max_length, printable

    def to_internal_value(self, value: Any) -> str:
        text: str = super().to_internal_value(value)
        if len(text) < self.min_length:
            raise serializers.ValidationError(
                f"Too small: expected string to have >={self.min_length} characters"
            )
        if self.max_length is not None and len(text) > self.max_length:
            raise serializers.ValidationError(
                f"Too big: expected string to have <={self.max_length} characters"
            )
        if "\x00" in text or (self.printable and any(ord(char) < 32 or ord(char) == 127 for char in text)):
            raise serializers.ValidationError("Invalid input: control characters are not allowed")
        return text


class StrictEmail(StrictText):
    def to_internal_value(self, value: Any) -> str:
        text = super().to_internal_value(value)
        if not is_email(text):
            raise serializers.ValidationError("Invalid email address")
        return text


class StrictChoice(StrictText):
    """One of a few words."""

    def __init__(self, *choices: str, required: bool = False) -> None:
        super().__init__(required=required)
        options = "|".join(f'"{one}"' for one in choices)
        self.choices, self.refusal = choices, f"Invalid option: expected one of {options}"
        self.error_messages |= {"required": self.refusal, "null": self.refusal}

    def to_internal_value(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.choices:
            raise serializers.ValidationError(self.refusal)
        return value


class Anything(serializers.Field):  # type: ignore[type-arg]
    """Whatever JSON can say: the rule judges it."""

    def __init__(self) -> None:
        super().__init__(required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        return data


class StrictBoolean(StrictField):
    expected = "boolean"
    types = (bool,)


class StrictNumber(StrictField):
    expected = "number"
    types = (int, float)


class StrictObject(StrictField):
    expected = "record"
    types = (dict,)


class StrictRecord(StrictObject):
    """An object whose values are strings."""

    def to_internal_value(self, value: Any) -> dict[str, str]:
        record: dict[str, str] = super().to_internal_value(value)
        _ensure_texts(record.items())
        return record


class StrictList(StrictField):
    """A list of strings."""

    expected = "array"
    types = (list,)

    def to_internal_value(self, value: Any) -> list[str]:
        texts: list[str] = super().to_internal_value(value)
        _ensure_texts(enumerate(texts))
        return texts


class Body(serializers.Serializer):  # type: ignore[type-arg]
    """Base of all bodies and queries. ``shape``: what the document itself must be."""

    shape = "object"
    # As a member of another body.
    default_error_messages = {
        "required": "Invalid input: expected object, received undefined",
        "null": "Invalid input: expected object, received null",
    }

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError([f"Invalid input: expected object, received {type_name(data)}"])
        return super().to_internal_value(data)

    @classmethod
    def parse(cls, value: Any, *, place: str = "body") -> dict[str, Any]:
        """The validated members. Raises ``VALIDATION_ERROR`` with every mistake, in the fields' order."""
        if not isinstance(value, Mapping):
            received = "undefined" if value is UNDEFINED else type_name(value)
            raise _validation_error([f"[{place}] Invalid input: expected {cls.shape}, received {received}"])
        serializer = cls(data=value)
        if not serializer.is_valid():
            problems = [f"[{place}.{path}] {message}" for path, message in _flatten(serializer.errors)]
            raise _validation_error(problems)
        return dict(serializer.validated_data)


class _Undefined:
    """No body at all, which is not the same as a body that is null."""


UNDEFINED = _Undefined()


def _ensure_texts(members: Iterable[tuple[object, object]]) -> None:
    problems = {
        str(name): [f"Invalid input: expected string, received {type_name(value)}"]
        for name, value in members
        if not isinstance(value, str)
    }
    if problems:
        raise serializers.ValidationError(problems)


def _validation_error(problems: list[str]) -> BadRequest:
    return BadRequest(ErrorCode.VALIDATION_ERROR, "; ".join(problems))


def _flatten(errors: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(errors, Mapping):
        for name, inner in errors.items():
            yield from _flatten(inner, f"{path}.{name}" if path else str(name))
    else:
        for message in errors:
            yield path, str(message)
