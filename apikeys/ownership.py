"""Who may make, see and change which keys: a user their own, and those of organizations by their roles.

The only module that knows the app ``organizations``, which need not be there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from django.apps import apps

from apikeys.configuration import Configuration, configuration
from apikeys.errors import ErrorCode
from apikeys.records import KeyRecord
from better_auth.errors import BadRequest, Forbidden, NotFound, ServerError
from better_auth.events import Event, recorded
from better_auth.storage.records import UserRecord

Action = Literal["create", "read", "update", "delete"]
# What an organization's role must grant, as ``apiKey: [action]``.
RESOURCE = "apiKey"


def owner_of_new(chosen: Configuration, user: UserRecord, organization_id: object) -> str:
    """The ``reference_id`` of a key that this user makes. Raises ``AuthError``."""
    if chosen.rules.references == "user":
        return user.id
    if not organization_id:
        raise BadRequest(ErrorCode.ORGANIZATION_ID_REQUIRED)
    ensure_authority(user, str(organization_id), "create")
    return str(organization_id)


def ensure_own(key: KeyRecord | None, chosen: Configuration, user: UserRecord, action: Action) -> KeyRecord:
    """The key, if it is this user's to act on; one whose configuration is gone is the default one's, as it is
    at the doors. Raises ``KEY_NOT_FOUND`` for those of others, as for none."""
    if key is None or configuration(key.config_id).config_id != chosen.config_id:
        raise NotFound(ErrorCode.KEY_NOT_FOUND)
    if chosen.rules.references == "organization":
        ensure_authority(user, key.reference_id, action)
    elif key.reference_id != user.id:
        raise NotFound(ErrorCode.KEY_NOT_FOUND)
    return key


def ensure_authority(user: UserRecord, organization_id: str, action: Action) -> None:
    """Raises ``AuthError`` unless one of the user's roles in it allows this; the creator's may all."""
    if not is_available():
        raise ServerError(ErrorCode.ORGANIZATION_PLUGIN_REQUIRED)
    from organizations import membership

    member = None if "\x00" in organization_id else membership.find_member(organization_id, user)
    if member is None:
        raise Forbidden(ErrorCode.USER_NOT_MEMBER_OF_ORGANIZATION)
    if not membership.may(member, {RESOURCE: (action,)}, creator_may_all=True):
        raise Forbidden(ErrorCode.INSUFFICIENT_API_KEY_PERMISSIONS)


def follow_organizations(delete_all_of: Callable[[str], object]) -> None:
    """Call this with the id of each organization that is deleted, in the transaction of the deletion."""
    if not is_available():
        return
    from organizations.events import OrganizationDeleted

    def deleted(*, event: Event, **kwargs: Any) -> None:
        delete_all_of(event.details["organization"])

    recorded.connect(
        deleted, sender=OrganizationDeleted, weak=False, dispatch_uid="apikeys.organization_deleted"
    )


def is_available() -> bool:
    """Whether organizations are there at all."""
    return apps.is_installed("organizations")
