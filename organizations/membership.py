"""Who is in an organization, and what they may do there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from better_auth.conf import auth_settings
from better_auth.errors import BadRequest
from better_auth.storage.records import UserRecord
from organizations import access_control
from organizations.access_control import Grants, Permissions
from organizations.errors import Code
from organizations.models import Member, Organization, OrganizationRole


def find_member(organization_id: str | None, user: UserRecord) -> Member | None:
    if not organization_id:
        return None
    return Member.objects.filter(organization_id=organization_id, user_id=user.key).first()


def lock(organization_id: str) -> Organization:
    """Until the end of the transaction nobody else changes who is in the organization, or with which role.

    Every rule that counts members, owners, invitations or teams takes this lock first. Raises ``BadRequest``
    where the organization is gone.
    """
    row = Organization.objects.select_for_update().filter(pk=organization_id).first()
    if row is None:
        raise BadRequest(Code.ORGANIZATION_NOT_FOUND)
    return row


@contextmanager
def locked(organization_id: str, ensure_right: Callable[[], Member]) -> Iterator[tuple[Organization, Member]]:
    """A transaction under ``lock``, for a member with a right. That is asked for before, as whoever has none
    must not make others wait; and again, as it may have been taken away while the caller waited."""
    ensure_right()
    with transaction.atomic():
        row = lock(organization_id)
        yield row, ensure_right()


def grants_of(organization_id: str, names: Sequence[str]) -> dict[str, Grants]:
    """What each of these roles grants here: by the settings, and by what the organization made itself."""
    static = access_control.static_roles()
    found = {name: static[name] for name in names if name in static}
    if auth_settings.organization.dynamic_roles.enabled:
        rows = OrganizationRole.objects.filter(organization_id=organization_id, role__in=list(names))
        for row in rows:
            found[row.role] = access_control.joined(found.get(row.role, {}), json.loads(row.permission))
    return found


def may(member: Member, wanted: Permissions, *, creator_may_all: bool = False) -> bool:
    """Whether one of the member's roles grants all of ``wanted``; roles are not pooled."""
    if creator_may_all and access_control.is_creator_role(member.role):
        return True
    return any(access_control.grants_all(grants, wanted) for grants in roles_of(member))


def roles_of(member: Member) -> list[Grants]:
    """What each of the member's roles grants."""
    return list(grants_of(member.organization_id, access_control.split_roles(member.role)).values())


def unknown_roles(organization_id: str, names: Sequence[str]) -> list[str]:
    """Those that neither the settings nor the organization have."""
    missing = [name for name in names if name not in access_control.predefined_names()]
    if missing and auth_settings.organization.dynamic_roles.enabled:
        rows = OrganizationRole.objects.filter(organization_id=organization_id, role__in=missing)
        made = set(rows.values_list("role", flat=True))
        missing = [name for name in missing if name not in made]
    return missing


def is_last_owner(member: Member) -> bool:
    """No other member has the creator's role. To be asked under ``lock``."""
    if not access_control.is_creator_role(member.role):
        return False
    role = auth_settings.organization.creator_role
    others: Any = Member.objects.filter(organization_id=member.organization_id, role__contains=role)
    texts = others.exclude(pk=member.pk).values_list("role", flat=True)
    return not any(access_control.is_creator_role(text) for text in texts)
