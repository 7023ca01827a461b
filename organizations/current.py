"""The organization that a caller is in, with their membership and rights, for the host's code.

Remembered as sessions are: for some seconds in the process, and void everywhere from the commit on that
changes the membership, the organization or its roles. Rows that are written past the rules of this app (by
the ORM, or SQL) are seen after these seconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest

from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.storage import verified_sessions
from better_auth.storage.local_sessions import name_of_user
from better_auth.storage.remembered import Remembered
from organizations import access_control
from organizations.access_control import Grants, Permissions
from organizations.models import Member, Organization, OrganizationRole

OF_ORGANIZATION = tuple(field.attname for field in Organization._meta.concrete_fields)
OF_MEMBER = tuple(field.attname for field in Member._meta.concrete_fields)
_memberships: Remembered[tuple[Any, ...]] = Remembered()
_roles: Remembered[dict[str, Grants]] = Remembered()


def membership_of(principal: Principal | None) -> Member | None:
    """The caller's membership of the organization that their session is in, with ``organization`` at hand.

    None for nobody, for a session that is in none, and for somebody who is not a member any more. At most
    one query. The instances are the caller's own: changing them changes nothing that is remembered.
    """
    organization_id = principal.session.active_organization_id if principal and principal.session else None
    if principal is None or not organization_id:
        return None
    key = principal.user.key
    values = _memberships.find(f"{key} {organization_id}", lambda: _read(organization_id, key))
    return _instance(values) if values else None


def is_allowed(member: Member | None, wanted: Permissions) -> bool:
    """Whether one of the member's roles grants all of ``wanted``: ``{"project": ["create"]}``."""
    if member is None:
        return False
    static, made = access_control.static_roles(), _roles_of(member.organization_id)
    return any(
        access_control.grants_all(access_control.joined(static.get(name, {}), made.get(name, {})), wanted)
        for name in access_control.split_roles(member.role)
    )


def has_permission(principal: Principal | None, resource: str, *actions: str) -> bool:
    """Whether the caller may do this in the organization that their session is in."""
    return is_allowed(membership_of(principal), {resource: list(actions)})


# For coroutines; they cross to a thread once: ``await ahas_permission(principal, "project", "create")``.
ahas_permission = sync_to_async(has_permission, thread_sensitive=True)
amembership_of = sync_to_async(membership_of, thread_sensitive=True)


def principal_of(request: HttpRequest | Any) -> Principal | None:
    """Who sent a request of Django or of REST framework."""
    shown = getattr(request, "auth", None)
    if isinstance(shown, Principal):
        return shown
    found = getattr(request, "principal", None)
    return found if isinstance(found, Principal) else None


def forget(user_key: Any) -> None:
    """What this user may do has changed: from the commit on every process asks anew."""
    verified_sessions.forget_user(user_key)


def forget_organization(organization_id: str) -> None:
    """It has changed, or its roles have, or it is gone."""
    verified_sessions.forget_named(name_of(organization_id))


def _read(organization_id: str, user_key: Any) -> tuple[tuple[Any, ...], Sequence[str]] | None:
    of_organization = [f"organization__{name}" for name in OF_ORGANIZATION]
    rows = Member.objects.filter(organization_id=organization_id, user_id=user_key)
    values = rows.values_list(*OF_MEMBER, *of_organization).first()
    return (values, (name_of_user(user_key), name_of(organization_id))) if values else None


def _instance(values: tuple[Any, ...]) -> Member:
    member = Member.from_db(Member.objects.db, OF_MEMBER, values[: len(OF_MEMBER)])
    member.organization = Organization.from_db(
        Organization.objects.db, OF_ORGANIZATION, values[len(OF_MEMBER) :]
    )
    return member


def _roles_of(organization_id: str) -> dict[str, Grants]:
    if not auth_settings.organization.dynamic_roles.enabled:
        return {}

    def read() -> tuple[dict[str, Grants], Sequence[str]]:
        rows = OrganizationRole.objects.filter(organization_id=organization_id)
        made = {row.role: access_control.joined(json.loads(row.permission)) for row in rows}
        return made, (name_of(organization_id),)

    return _roles.find(organization_id, read) or {}


def name_of(organization_id: str) -> str:
    return f"organization {organization_id}"
