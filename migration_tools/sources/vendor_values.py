"""Small readings that vendors' exports have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from migration_tools.records import Refused

# What no source of hashes is called: counted as unknown, and its owner gets in by a reset.
UNKNOWN = "unknown"
FACTOR_LEFT = "second-factor-not-brought"
DIGITS = re.compile(r"[1-9]\d{6,14}")


def full_name(*parts: Any) -> str:
    """First and last name, joined by a blank."""
    return " ".join(part.strip() for part in parts if isinstance(part, str) and part.strip())


def objects_in(value: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects of a list, which a table holds as text. Raises ``Refused``."""
    value = as_json(value, name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise Refused("invalid-value", f"{name} is no list of objects")
    return value


def object_in(value: Any, name: str) -> Mapping[str, Any]:
    """An object, which a table holds as text. Raises ``Refused``."""
    value = as_json(value, name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Refused("invalid-value", f"{name} is no object")
    return value


def as_json(value: Any, name: str) -> Any:
    """What text holds as JSON, and anything else as it is; nothing is None. Raises ``Refused``."""
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            raise Refused("invalid-json", f"{name} holds no JSON") from None
    return value


def texts_in(value: Any) -> list[str]:
    """One text or a list of some; everything else is left out."""
    found = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [one for one in found if isinstance(one, str) and one]


def roles_in(metadata: Mapping[str, Any]) -> list[str]:
    """``role`` and ``roles`` of what only the operator of the other system could write."""
    return list(dict.fromkeys(texts_in(metadata.get("role")) + texts_in(metadata.get("roles"))))


def account(provider: Any, subject: Any, issuer: Any = None) -> dict[str, Any] | None:
    """An identity, as the neutral record has it; None where the subject is no text that can be relied on."""
    if isinstance(subject, bool | float) or subject in (None, "") or not provider:
        return None
    return {"provider": provider, "subject": subject, "issuer": issuer}


def told(**fields: Any) -> dict[str, Any]:
    """Without what there is not."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}
