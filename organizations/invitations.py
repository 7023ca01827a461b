"""Invite, invite again, cancel, and look at invitations. Source: organization.md, section 6.

All that is counted is counted under the organization's lock: of two who invite one person in one moment, one
is told that the person is invited already.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction

from better_auth import clock, mail, rate_limits, users
from better_auth.addresses import is_email, normalize_email
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode, Forbidden
from better_auth.events import Client, publish
from better_auth.storage.records import UserRecord
from organizations import access_control, membership, people, teams
from organizations.errors import Code, Denial
from organizations.events import InvitationCanceled, InvitationSent
from organizations.models import Invitation, InvitationStatus, Member, Organization

# Of invitations that were answered, cancelled or too old, so many of one organization stay.
MOST_KEPT = 1000
TEMPLATE = "organizations/email/invitation"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an inviter asks for."""

    email: str
    roles: list[str]
    team_ids: list[str]
    resend: bool = False


def invite_member(user: UserRecord, organization_id: str | None, wish: Wish, *, client: Client) -> Invitation:
    """Invite an address, and mail it. In the protocol's order of checks."""
    if not organization_id:
        raise BadRequest(Code.ORGANIZATION_NOT_FOUND)
    if not is_email(wish.email):
        raise BadRequest(ErrorCode.INVALID_EMAIL)
    email = normalize_email(wish.email)
    with membership.locked(organization_id, lambda: _require_inviter(user, organization_id, wish.roles)) as (
        row,
        inviter,
    ):
        invitation = _invite(row, inviter, wish, email, user=user, client=client)
        rate_limits.ensure_mail_rate(email)
        send_mail(invitation, row, inviter=user)
    return invitation


def send_mail(invitation: Invitation, row: Organization, *, inviter: UserRecord) -> None:
    """Once the transaction has committed. Names that read like an advertisement stay out of it."""
    rules = auth_settings.organization
    if not rules.send_invitations:
        return
    page = rules.invitation_page or f"{auth_settings.base_url}/accept-invitation"
    mail.send(
        TEMPLATE,
        to=invitation.email,
        organization=row.name if mail.is_fit_to_greet(row.name) else "",
        inviter=inviter.name if mail.is_fit_to_greet(inviter.name) else "",
        url=f"{page.rstrip('/')}/{invitation.id}",
        hours=max(1, rules.invitation_expires_in // 3600),
    )


def cancel_invitation(user: UserRecord, invitation_id: str, *, client: Client) -> Invitation:
    """Whatever its state is: of an invitation that was accepted, only the record changes."""
    invitation = Invitation.objects.filter(pk=invitation_id).first()
    if invitation is None:
        raise BadRequest(Code.INVITATION_NOT_FOUND)
    refusal = Code.YOU_ARE_NOT_ALLOWED_TO_CANCEL_THIS_INVITATION
    place_id = invitation.organization_id
    with membership.locked(place_id, lambda: _require_right(user, place_id, "cancel", refusal)):
        cancel(invitation, actor_id=user.id, client=client)
    return invitation


def list_invitations(user: UserRecord, organization_id: str | None) -> Member:
    """The caller's membership, if it lets them see invitations."""
    if not organization_id:
        raise BadRequest(message="Organization ID is required")
    member = membership.find_member(organization_id, user)
    if member is None:
        raise Denial(403, message="You are not a member of this organization")
    if not membership.may(member, {"invitation": ["create"]}):
        raise Denial(403, Code.YOU_ARE_NOT_ALLOWED_TO_LIST_INVITATIONS)
    return member


def list_for_user(user: UserRecord) -> list[Invitation]:
    """Those that wait for this user's answer, with their organizations; expired ones, too."""
    if not user.email_verified:
        raise Forbidden(Code.EMAIL_VERIFICATION_REQUIRED_FOR_INVITATION)
    rows = Invitation.objects.filter(email=user.email, status=InvitationStatus.PENDING)
    rows = rows.select_related("organization", people.path_from("inviter"))
    return list(rows.order_by("created_at", "id"))


def find_for_recipient(user: UserRecord, invitation_id: str) -> Invitation:
    """A living invitation, shown to whom it was sent; with its organization and inviter."""
    invitation = find_living(invitation_id)
    if invitation is None:
        raise BadRequest(Code.INVITATION_NOT_FOUND)
    ensure_recipient(invitation, user, Code.EMAIL_VERIFICATION_REQUIRED_FOR_INVITATION)
    ensure_inviter_stayed(invitation)
    return invitation


def ensure_inviter_stayed(invitation: Invitation) -> None:
    """Whoever was removed must not let themselves in again by what they sent before."""
    still_there = Member.objects.filter(
        organization_id=invitation.organization_id, user_id=invitation.inviter_id
    )
    if not still_there.exists():
        raise BadRequest(Code.INVITER_IS_NO_LONGER_A_MEMBER_OF_THE_ORGANIZATION)


def find_living(invitation_id: str) -> Invitation | None:
    """Pending, and its time is not over."""
    rows = Invitation.objects.filter(
        pk=invitation_id, status=InvitationStatus.PENDING, expires_at__gt=clock.now()
    )
    return rows.select_related("organization", people.path_from("inviter")).first()


def ensure_recipient(invitation: Invitation, user: UserRecord, unverified: Code) -> None:
    if normalize_email(invitation.email) != user.email:
        raise Denial(403, Code.YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION)
    if auth_settings.organization.require_verified_email and not user.email_verified:
        raise Forbidden(unverified)


def resend(invitation: Invitation, *, inviter: UserRecord, actor_id: str, client: Client) -> bool:
    """Renew its time and mail it again; False where it does not wait for an answer any more.

    Raises ``TooManyRequests`` where the mailbox has had enough.
    """
    with transaction.atomic():
        row = membership.lock(invitation.organization_id)
        invitation.expires_at = _new_expiry()
        waiting = Invitation.objects.filter(pk=invitation.pk, status=InvitationStatus.PENDING)
        if not waiting.update(expires_at=invitation.expires_at):
            return False
        rate_limits.ensure_mail_rate(invitation.email)
        _announce(InvitationSent, invitation, actor_id, client, resent=True)
        send_mail(invitation, row, inviter=inviter)
    return True


def cancel(invitation: Invitation, *, actor_id: str, client: Client) -> None:
    """Write it, and say so; who may do that is asked before."""
    invitation.status = InvitationStatus.CANCELED
    invitation.save(update_fields=["status"])
    _announce(InvitationCanceled, invitation, actor_id, client)


def _require_inviter(user: UserRecord, organization_id: str, roles: list[str]) -> Member:
    refusal = Code.YOU_ARE_NOT_ALLOWED_TO_INVITE_USERS_TO_THIS_ORGANIZATION
    inviter = _require_right(user, organization_id, "create", refusal)
    _ensure_roles(inviter, roles)
    return inviter


def _require_right(user: UserRecord, organization_id: str, action: str, refusal: Code) -> Member:
    member = membership.find_member(organization_id, user)
    if member is None:
        raise Denial(400, Code.MEMBER_NOT_FOUND)
    if not membership.may(member, {"invitation": [action]}):
        raise Denial(403, refusal)
    return member


def _ensure_roles(inviter: Member, roles: list[str]) -> None:
    if not roles:
        raise BadRequest(Code.ROLE_NOT_FOUND)
    unknown = membership.unknown_roles(inviter.organization_id, roles)
    if unknown:
        raise BadRequest(message=f"ROLE_NOT_FOUND: {', '.join(unknown)}")
    if auth_settings.organization.creator_role in roles and not access_control.is_creator_role(inviter.role):
        raise Denial(403, Code.YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE)


def _invite(
    row: Organization, inviter: Member, wish: Wish, email: str, *, user: UserRecord, client: Client
) -> Invitation:
    """Under the lock: the checks that depend on who is there and who is invited."""
    known = users.find_by_email(email)
    if known and membership.find_member(row.id, known):
        raise BadRequest(Code.USER_IS_ALREADY_A_MEMBER_OF_THIS_ORGANIZATION)
    waiting = _waiting(row).filter(email=email).order_by("created_at", "id").first()
    replaces = auth_settings.organization.replace_pending_invitation
    if waiting and wish.resend:
        return _renew(waiting, inviter, user=user, client=client)
    if waiting and not replaces:
        raise BadRequest(Code.USER_IS_ALREADY_INVITED_TO_THIS_ORGANIZATION)
    if waiting:
        cancel(waiting, actor_id=user.id, client=client)
    _forget_old(row)
    if _waiting(row).count() >= auth_settings.organization.invitation_limit:
        raise Forbidden(Code.INVITATION_LIMIT_REACHED)
    invitation = Invitation.objects.create(
        organization=row,
        email=email,
        role=",".join(wish.roles),
        team_ids=_teams(row, wish.team_ids),
        expires_at=_new_expiry(),
        inviter_id=user.key,
    )
    _announce(InvitationSent, invitation, user.id, client, role=invitation.role)
    return invitation


def _renew(waiting: Invitation, inviter: Member, *, user: UserRecord, client: Client) -> Invitation:
    """Only the time changes: the role stays as it was."""
    if access_control.is_creator_role(waiting.role) and not access_control.is_creator_role(inviter.role):
        raise Denial(403, Code.YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE)
    waiting.expires_at = _new_expiry()
    waiting.save(update_fields=["expires_at"])
    _announce(InvitationSent, waiting, user.id, client, resent=True)
    return waiting


def _teams(row: Organization, team_ids: list[str]) -> str | None:
    """Passed over where there are no teams."""
    if not auth_settings.organization.teams.enabled or not team_ids:
        return None
    if any("," in one for one in team_ids):
        raise BadRequest(Code.INVALID_TEAM_ID)
    for team_id in dict.fromkeys(team_ids):
        teams.ensure_room(teams.require_team(row.id, team_id))
    return ",".join(dict.fromkeys(team_ids))


def _forget_old(row: Organization) -> None:
    """Invitations that wait no more are kept for those who look back, up to a number: whoever invites and
    cancels in a loop fills no table. The audit log has them all."""
    over = Invitation.objects.filter(organization=row).exclude(pk__in=_waiting(row).values("pk"))
    doomed = over.order_by("-created_at", "-id").values_list("pk", flat=True)[MOST_KEPT:]
    Invitation.objects.filter(pk__in=list(doomed)).delete()


def _waiting(row: Organization) -> Any:
    return Invitation.objects.filter(
        organization=row, status=InvitationStatus.PENDING, expires_at__gt=clock.now()
    )


def _new_expiry() -> Any:
    return clock.now() + timedelta(seconds=auth_settings.organization.invitation_expires_in)


def _announce(kind: Any, invitation: Invitation, actor_id: str, client: Client, **details: Any) -> None:
    publish(
        kind(
            client=client,
            actor_id=actor_id,
            details={"organization": invitation.organization_id, "invitation": invitation.id, **details},
        )
    )
