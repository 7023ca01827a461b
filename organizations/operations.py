"""What operators do in the admin site: under the same locks and rules as members, recorded with the operator
as actor. They need no role in the organization."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from better_auth.admin.people import Operator
from better_auth.errors import BadRequest
from better_auth.events import publish
from better_auth.storage.records import UserRecord
from organizations import access_control, current, invitations, members, membership
from organizations.errors import Code
from organizations.events import MemberRemoved, MemberRoleChanged, OrganizationDeleted, OrganizationUpdated
from organizations.models import Invitation, InvitationStatus, Member, Organization


def change_organization(row: Organization, columns: dict[str, Any], *, operator: Operator) -> None:
    """Write these columns; what they hold was validated by the form."""
    with transaction.atomic():
        Organization.objects.filter(pk=row.pk).update(**columns)
        current.forget_organization(row.pk)
        _publish(OrganizationUpdated, row.pk, operator, fields=sorted(columns))


def delete_organization(row: Organization, *, operator: Operator) -> None:
    with transaction.atomic():
        membership.lock(row.pk)
        Organization.objects.filter(pk=row.pk).delete()
        current.forget_organization(row.pk)
        _publish(OrganizationDeleted, row.pk, operator, name=row.name[:200])


def change_role(member: Member, role: str, *, operator: Operator) -> None:
    """Raises ``BadRequest`` for the last owner, and for a role that there is not."""
    names = access_control.split_roles(role)
    with transaction.atomic():
        membership.lock(member.organization_id)
        row = Member.objects.get(pk=member.pk)
        if not names or membership.unknown_roles(row.organization_id, names):
            raise BadRequest(Code.ROLE_NOT_FOUND)
        role = ",".join(names)
        if not access_control.is_creator_role(role) and membership.is_last_owner(row):
            raise BadRequest(Code.YOU_CANNOT_LEAVE_THE_ORGANIZATION_WITHOUT_AN_OWNER)
        former, row.role = row.role, role
        row.save(update_fields=["role"])
        members.announce(
            MemberRoleChanged, row, operator.id, operator.client, former=former, role=role, member_id=row.id
        )


def remove_member(member: Member, *, operator: Operator) -> None:
    """Raises ``BadRequest`` for the last owner."""
    with transaction.atomic():
        membership.lock(member.organization_id)
        row = Member.objects.filter(pk=member.pk).first()
        if row is None:
            return
        members.ensure_not_last_owner(row)
        members.drop(row)
        members.announce(MemberRemoved, row, operator.id, operator.client, role=row.role)


def resend_invitation(invitation: Invitation, inviter: UserRecord, *, operator: Operator) -> bool:
    """False where it waits no more. Raises ``TooManyRequests``."""
    return invitations.resend(invitation, inviter=inviter, actor_id=operator.id, client=operator.client)


def cancel_invitation(invitation: Invitation, *, operator: Operator) -> bool:
    """False where it waits no more."""
    with transaction.atomic():
        membership.lock(invitation.organization_id)
        row = Invitation.objects.filter(pk=invitation.pk, status=InvitationStatus.PENDING).first()
        if row is None:
            return False
        invitations.cancel(row, actor_id=operator.id, client=operator.client)
    return True


def _publish(kind: Any, organization_id: str, operator: Operator, **details: Any) -> None:
    told = {"organization": organization_id, **details}
    publish(kind(client=operator.client, actor_id=operator.id, details=told))
