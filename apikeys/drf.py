"""Permissions of API keys, for views of Django REST framework behind ``BetterAuthentication``.

permission_classes = [HasApiKeyPermission("files", "read")]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apikeys.permissions import covers
from better_auth.authentication.principal import Principal
from better_auth.events import AuthMethod

if TYPE_CHECKING:
    # It imports the classes of DEFAULT_AUTHENTICATION_CLASSES, which may be ours.
    from rest_framework.views import APIView


class IsApiKey(BasePermission):
    """The caller has shown an API key; people who are signed in have not."""

    message = "An API key is needed."
    code = "API_KEY_REQUIRED"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, Principal) and request.auth.method is AuthMethod.API_KEY


def HasApiKeyPermission(resource: str, *actions: str) -> type[BasePermission]:
    """A permission class: an API key that grants all these actions on the resource.

    People who are signed in have no API key; let them in beside by ``IsSignedIn & ~IsApiKey | …``.
    """
    if not actions:
        raise ValueError(f"HasApiKeyPermission({resource!r}): name at least one action")

    class Granted(IsApiKey):
        message = "The API key does not grant this."
        code = "INSUFFICIENT_API_KEY_PERMISSIONS"

        def has_permission(self, request: Request, view: APIView) -> bool:
            if not isinstance(request.auth, Principal) or not super().has_permission(request, view):
                return False
            return covers((request.auth.claims or {}).get("permissions"), {resource: actions})

    return Granted
