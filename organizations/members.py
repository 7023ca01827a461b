"""Members: give them roles, take them in, let them go. Source: organization.md, section 5.

What depends on who else is there is decided under the organization's lock: of two owners who leave in one
moment, one stays.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from better_auth import users
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, Forbidden
from better_auth.events import Client, publish
from better_auth.storage.records import SessionRecord, UserRecord
from organizations import access_control, active, current, membership, people
from organizations.errors import Code, Denial
from organizations.events import MemberAdded, MemberLeft, MemberRemoved, MemberRoleChanged
from organizations.models import Member, TeamMember


def require_member(organization_id: str | None, user: UserRecord) -> Member:
    """The caller's own membership, as the endpoints about members ask for it."""
    if not organization_id:
        raise BadRequest(Code.NO_ACTIVE_ORGANIZATION)
    member = membership.find_member(organization_id, user)
    if member is None:
        raise Denial(400, Code.MEMBER_NOT_FOUND)
    return member


def update_member_role(
    user: UserRecord, organization_id: str | None, *, member_id: str, roles: list[str], client: Client
) -> Member:
    """Give a member other roles. Only whoever holds the creator's role can give or take it."""
    if not roles:
        raise BadRequest()
    own_id = require_member(organization_id, user).organization_id
    with transaction.atomic():
        membership.lock(own_id)
        caller, target = require_member(own_id, user), _find_row(member_id)
        if target is None:
            raise Denial(400, Code.MEMBER_NOT_FOUND)
        _ensure_may_give(caller, target, roles)
        unknown = membership.unknown_roles(own_id, roles)
        if unknown:
            raise BadRequest(Code.ROLE_NOT_FOUND, f"ROLE_NOT_FOUND: {', '.join(unknown)}")
        former, target.role = target.role, ",".join(roles)
        target.save(update_fields=["role"])
        announce(
            MemberRoleChanged, target, user.id, client, former=former, role=target.role, member_id=target.id
        )
    return target


def remove_member(
    user: UserRecord,
    session: SessionRecord,
    organization_id: str | None,
    *,
    member_id_or_email: str,
    client: Client,
) -> Member:
    """Let a member go, with their places in teams. Owners are for owners to remove; the last one stays."""
    own_id = require_member(organization_id, user).organization_id
    with transaction.atomic():
        membership.lock(own_id)
        caller, target = require_member(own_id, user), _find_in(own_id, member_id_or_email)
        if target is None:
            raise Denial(400, Code.MEMBER_NOT_FOUND)
        is_owner = access_control.is_creator_role(target.role)
        if is_owner and not access_control.is_creator_role(caller.role):
            raise Denial(400, Code.YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER)
        ensure_not_last_owner(target)
        if not membership.may(caller, {"member": ["delete"]}):
            raise Denial(401, Code.YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_MEMBER)
        drop(target)
        if target.user_id == user.key:
            active.leave(session, user, own_id)
        announce(MemberRemoved, target, user.id, client, role=target.role)
    return target


def leave_organization(
    user: UserRecord, session: SessionRecord, organization_id: str, *, client: Client
) -> Member:
    require_member(organization_id, user)
    with transaction.atomic():
        membership.lock(organization_id)
        member = require_member(organization_id, user)
        ensure_not_last_owner(member)
        people.person_of(member)  # shown in the answer; read while it is there
        drop(member)
        active.leave(session, user, organization_id)
        announce(MemberLeft, member, user.id, client, role=member.role)
    return member


def add_member(
    organization_id: str, user: UserRecord, *, role: str = "member", client: Client | None = None
) -> Member:
    """For code on the server: take somebody in without an invitation. Roles are taken as they are.

    Raises ``BadRequest`` for an organization that there is not or somebody who is in it, and ``Forbidden``
    where it is full.
    """
    with transaction.atomic():
        membership.lock(organization_id)
        if membership.find_member(organization_id, user):
            raise BadRequest(Code.USER_IS_ALREADY_A_MEMBER_OF_THIS_ORGANIZATION)
        ensure_room(organization_id)
        roles = ",".join(access_control.split_roles(role))
        member = Member.objects.create(organization_id=organization_id, user_id=user.key, role=roles)
        announce(MemberAdded, member, user.id, client or Client(), role=roles)
    return member


def ensure_room(organization_id: str) -> None:
    """To be asked under the lock."""
    if (
        Member.objects.filter(organization_id=organization_id).count()
        >= auth_settings.organization.membership_limit
    ):
        raise Forbidden(Code.ORGANIZATION_MEMBERSHIP_LIMIT_REACHED)


def _ensure_may_give(caller: Member, target: Member, roles: list[str]) -> None:
    denied = Denial(403, Code.YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER)
    if target.organization_id != caller.organization_id:
        raise denied
    gives_ownership = auth_settings.organization.creator_role in roles
    touches_ownership = gives_ownership or access_control.is_creator_role(target.role)
    if touches_ownership and not access_control.is_creator_role(caller.role):
        raise denied
    if not gives_ownership and membership.is_last_owner(target):
        raise BadRequest(Code.YOU_CANNOT_LEAVE_THE_ORGANIZATION_WITHOUT_AN_OWNER)
    if not membership.may(caller, {"member": ["update"]}, creator_may_all=True):
        raise denied


def ensure_not_last_owner(member: Member) -> None:
    """To be asked under the lock."""
    if membership.is_last_owner(member):
        raise BadRequest(Code.YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER)


def _find_row(member_id: str) -> Member | None:
    return Member.objects.select_related(people.path_from()).filter(pk=member_id).first()


def _find_in(organization_id: str, member_id_or_email: str) -> Member | None:
    rows = Member.objects.select_related(people.path_from()).filter(organization_id=organization_id)
    if "@" not in member_id_or_email:
        return rows.filter(pk=member_id_or_email).first()
    found = users.find_by_email(member_id_or_email)
    return rows.filter(user_id=found.key).first() if found else None


def drop(member: Member) -> None:
    """Delete the row with the places in teams; what must hold for that is asked before."""
    TeamMember.objects.filter(team__organization_id=member.organization_id, user_id=member.user_id).delete()
    Member.objects.filter(pk=member.pk).delete()


def announce(kind: Any, member: Member, actor_id: str, client: Client, **details: Any) -> None:
    """Record it, and let go of what is remembered of this member."""
    current.forget(member.user_id)
    publish(
        kind(
            client=client,
            subject_id=people.wire_id(member),
            actor_id=actor_id,
            details={"organization": member.organization_id, **details},
        )
    )
