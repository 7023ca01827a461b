"""What a key may do: resources, and actions on each. Source: api-key.md, section 6, "Permission check"."""

from __future__ import annotations

from collections.abc import Collection, Mapping

Permissions = Mapping[str, Collection[str]]


def covers(granted: Permissions | None, wanted: Permissions) -> bool:
    """Every resource and every action that is wanted is granted; who wants nothing gets nothing."""
    if not granted or not wanted:
        return False
    return all(
        actions and set(actions) <= set(granted.get(resource, ())) for resource, actions in wanted.items()
    )


def scope_of(granted: Permissions | None) -> str:
    """As tokens spell it (RFC 6749, section 3.3): ``files:read files:write``."""
    return " ".join(f"{resource}:{one}" for resource, actions in (granted or {}).items() for one in actions)
