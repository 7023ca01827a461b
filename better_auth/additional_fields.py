"""Fields that the host adds to users and sessions: declared once, typed, checked at every door.

``USER.ADDITIONAL_FIELDS`` and ``SESSION.ADDITIONAL_FIELDS`` map a field's name, as it is on the wire, to its
options. Source: core.md, "Additional-field rules"; unlike upstream we do check the declared type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.utils.module_loading import import_string

from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode
from better_auth.kept_json import is_keepable

Owner = Literal["user", "session"]
OWNERS: tuple[Owner, ...] = ("user", "session")
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "string[]": (list,),
    "json": (dict, list, str, int, float, bool),
}
LONGEST_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class AdditionalField:
    """``input``: clients may set it; ``returned``: they see it; ``validator``: callable that raises
    Django's ``ValidationError``."""

    name: str
    type: str = "string"
    required: bool = False
    input: bool = True
    returned: bool = True
    default: Any = None
    validator: str | None = None


def declared(owner: Owner) -> tuple[AdditionalField, ...]:
    """Raises ``ValueError`` naming the field and option that can't be used."""
    source = auth_settings.user if owner == "user" else auth_settings.session
    return tuple(_parse(name, options) for name, options in source.additional_fields.items())


def read_new(owner: Owner, body: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a new row from what a client sent, with defaults filled in.

    Raises ``FIELD_NOT_ALLOWED``, ``MISSING_FIELD`` or ``VALIDATION_ERROR``.
    """
    values: dict[str, Any] = {}
    for field in declared(owner):
        if not field.input and field.default is None and body.get(field.name):
            raise _not_allowed(field)
        if field.input and body.get(field.name) is not None:
            values[field.name] = _checked(field, body[field.name])
        elif field.default is not None:
            values[field.name] = field.default
        elif field.required and field.input:
            raise BadRequest(ErrorCode.MISSING_FIELD, f"{field.name} is required")
    return values


def read_changes(owner: Owner, body: Mapping[str, Any]) -> dict[str, Any]:
    """The declared fields among what a client sent; null clears one that is not required."""
    values: dict[str, Any] = {}
    for field in declared(owner):
        if field.name not in body:
            continue
        if not field.input:
            if body[field.name]:
                raise _not_allowed(field)
            continue
        is_cleared = body[field.name] is None and not field.required
        values[field.name] = None if is_cleared else _checked(field, body[field.name])
    return values


def read_trusted(owner: Owner, values: Mapping[str, Any]) -> dict[str, Any]:
    """The declared fields among what an administrator sent, those that clients may not set, too."""
    return {
        field.name: None if values[field.name] is None else _checked(field, values[field.name])
        for field in declared(owner)
        if field.name in values
    }


def defaults(owner: Owner) -> dict[str, Any]:
    """Of a new row that nobody has said more of."""
    return {field.name: field.default for field in declared(owner) if field.default is not None}


def show(owner: Owner, stored: Mapping[str, Any]) -> dict[str, Any]:
    """What clients see; a field that was never set is its default, or null."""
    return {field.name: stored.get(field.name, field.default) for field in declared(owner) if field.returned}


def _parse(name: str, options: Any) -> AdditionalField:
    known = {one.name for one in fields(AdditionalField)} - {"name"}
    if not isinstance(options, Mapping) or not options.keys() <= known:
        raise ValueError(f"{name}: options are {', '.join(sorted(known))}")
    field = AdditionalField(name=name, **options)
    if field.type not in TYPES:
        raise ValueError(f"{name}: type must be one of {', '.join(TYPES)}")
    return field


def _checked(field: AdditionalField, value: Any) -> Any:
    is_right = type(value) in TYPES[field.type]
    if field.type == "string[]":
        is_right = is_right and all(isinstance(one, str) for one in value)
    if not is_right:
        raise _invalid(field, f"Invalid input: expected {field.type}")
    if not is_keepable(value) or len(str(value)) > LONGEST_TEXT:
        raise _invalid(field, "Invalid input: too long, too large, too deep, or with null characters")
    if field.validator:
        try:
            import_string(field.validator)(value)
        except ValidationError as refusal:
            raise _invalid(field, refusal.messages[0]) from None
    return value


def _invalid(field: AdditionalField, message: str) -> BadRequest:
    return BadRequest(ErrorCode.VALIDATION_ERROR, f"[body.{field.name}] {message}")


def _not_allowed(field: AdditionalField) -> BadRequest:
    return BadRequest(ErrorCode.FIELD_NOT_ALLOWED, f"{field.name} is not allowed to be set")
