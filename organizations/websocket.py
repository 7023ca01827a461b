"""For consumers: what somebody may do in the organization that their session is in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from better_auth.websocket.permissions import Permission
from organizations import current


class HasOrganizationPermission(Permission):
    """``permissions = [HasOrganizationPermission("project", "create")]``; of several actions, all.

    Whoever leaves the organization, or has another role there, is asked again at once.
    """

    code = "YOU_ARE_NOT_ALLOWED"
    message = "You are not allowed to do this in your organization."

    def __init__(self, resource: str, *actions: str) -> None:
        if not actions:
            raise TypeError("name at least one action")
        self.wanted = {resource: list(actions)}

    def allows(self, principal: Any) -> bool:
        return current.is_allowed(current.membership_of(principal), self.wanted)

    def watches(self, principal: Any) -> Iterable[str]:
        session = principal.session
        if session is None or not session.active_organization_id:
            return ()
        return (current.name_of(session.active_organization_id),)
