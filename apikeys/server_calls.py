"""What the host's own code may do with keys, and HTTP may not. Source: api-key.md, section 4.

from apikeys.server_calls import create_api_key, verify_api_key
"""

from __future__ import annotations

from typing import Any

from apikeys import keys, verification, wire
from apikeys.bodies import SERVER_ONLY, CreateBody, UpdateBody
from apikeys.configuration import configuration
from apikeys.errors import ErrorCode, KeyRefused
from apikeys.keys import By
from apikeys.permissions import Permissions
from better_auth.errors import BadRequest, NotFound
from better_auth.http.fields import Body

# Members of the protocol, and what they are called within.
WITHIN = {
    **SERVER_ONLY,
    "expiresIn": "expires_in",
    "name": "name",
    "prefix": "prefix",
    "metadata": "metadata",
}


def create_api_key(
    *, user_id: str = "", organization_id: str = "", config_id: str | None = None, **members: Any
) -> dict[str, Any]:
    """A key for a user or an organization, as ``POST /api-key/create`` answers, with the key itself.

    ``members``: those of the protocol (``name``, ``expiresIn`` …), and what only the server may set:
    ``remaining``, ``refillAmount`` and ``refillInterval``, ``rateLimitEnabled``, ``rateLimitMax`` and
    ``rateLimitTimeWindow`` (both times in milliseconds), ``permissions``. Raises ``BadRequest``.
    """
    chosen, wanted = configuration(config_id), _wanted(CreateBody, members)
    is_of_organization = chosen.rules.references == "organization"
    owner = organization_id if is_of_organization else user_id
    if not owner:
        raise BadRequest(
            ErrorCode.ORGANIZATION_ID_REQUIRED if is_of_organization else ErrorCode.UNAUTHORIZED_SESSION
        )
    key, secret = keys.create(owner, chosen, wanted, by=By())
    return {**wire.key_object(key), "key": secret}


def update_api_key(key_id: str, **members: Any) -> dict[str, Any]:
    """Change a key; ``None`` for ``permissions``, ``remaining`` or ``expiresIn`` takes them away.
    ``blocked=True`` disables it whatever its owner says, until ``blocked=False``.

    Raises ``BadRequest``, or ``NotFound`` where there is no such key."""
    key = keys.get(key_id)
    nulls = {name: members.pop(name) for name in ("remaining",) if name in members and members[name] is None}
    blocked = {"blocked": bool(members.pop("blocked"))} if "blocked" in members else {}
    wanted = _wanted(UpdateBody, {"keyId": key_id, **members})
    wanted |= {WITHIN[name]: None for name in nulls}
    wanted |= {"enabled": members["enabled"]} if "enabled" in members else {}
    wanted |= blocked
    return wire.key_object(keys.update(key, configuration(key.config_id), wanted, by=By()))


def delete_api_key(key_id: str) -> None:
    """Raises ``NotFound``."""
    keys.delete(keys.get(key_id), by=By())


def verify_api_key(
    key: str, *, config_id: str | None = None, permissions: Permissions | None = None
) -> dict[str, Any]:
    """``{"valid", "error", "key"}``, and one use counted; never raises for a key that is not good."""
    try:
        found = verification.verify(key, config_id=config_id, permissions=permissions)
    except KeyRefused as refusal:
        return {"valid": False, "error": refusal.body, "key": None}
    try:
        return {"valid": True, "error": None, "key": wire.key_object(keys.get(found.id))}
    except NotFound:  # deleted just now: the use was allowed
        return {"valid": True, "error": None, "key": wire.key_object(found)}


def delete_all_expired_api_keys() -> dict[str, Any]:
    keys.delete_expired()
    return {"success": True, "error": None}


def _wanted(body: type[Body], members: dict[str, Any]) -> dict[str, Any]:
    """By the names of columns. Raises ``VALIDATION_ERROR``, also for members that do not exist."""
    checked = body.parse(members)
    unknown = sorted(members.keys() - checked.keys())
    if unknown:
        raise BadRequest(ErrorCode.INVALID_API_KEY, f"Unknown members: {', '.join(unknown)}")
    return {WITHIN[name]: value for name, value in checked.items() if name in WITHIN}
