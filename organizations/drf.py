"""For views of Django REST framework: what somebody may do in the organization that their session is in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission, OperationHolderMixin
from rest_framework.request import Request

from organizations import current

if TYPE_CHECKING:
    # It imports the classes of the settings, which may be ours.
    from rest_framework.views import APIView


class HasOrganizationPermission(OperationHolderMixin, BasePermission):
    """``permission_classes = [HasOrganizationPermission("project", "create")]``; of several actions, all.

    An object with an ``organization_id`` must be of that same organization. ``&``, ``|`` and ``~`` work as
    with REST framework's own permissions.
    """

    message = "You are not allowed to do this in your organization."
    code = "YOU_ARE_NOT_ALLOWED"

    def __init__(self, resource: str, *actions: str) -> None:
        if not actions:
            raise TypeError("name at least one action")
        self.wanted = {resource: list(actions)}

    def __call__(self) -> HasOrganizationPermission:
        """REST framework makes an instance of each class; this one is made already."""
        return self

    def has_permission(self, request: Request, view: APIView) -> bool:
        return current.is_allowed(current.membership_of(current.principal_of(request)), self.wanted)

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        member = current.membership_of(current.principal_of(request))
        of = getattr(obj, "organization_id", None)
        return member is not None and (of is None or of == member.organization_id)
