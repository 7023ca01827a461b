"""For consumers: what an API key may do."""

from __future__ import annotations

from typing import Any

from apikeys.permissions import covers
from better_auth.events import AuthMethod
from better_auth.websocket.permissions import Permission


class IsApiKey(Permission):
    """The caller has shown an API key; people who are signed in have not."""

    code = "API_KEY_REQUIRED"
    message = "An API key is needed."

    def allows(self, principal: Any) -> bool:
        return str(principal.method) == AuthMethod.API_KEY


class HasApiKeyPermission(IsApiKey):
    """``permissions = [HasApiKeyPermission("files", "read")]``; of several actions, all."""

    code = "INSUFFICIENT_API_KEY_PERMISSIONS"
    message = "The API key does not grant this."

    def __init__(self, resource: str, *actions: str) -> None:
        if not actions:
            raise TypeError("name at least one action")
        self.wanted = {resource: actions}

    def allows(self, principal: Any) -> bool:
        granted = (principal.claims or {}).get("permissions")
        return super().allows(principal) and covers(granted, self.wanted)
