"""Rows. Texts that are ids from elsewhere are kept as they are; see organization.md, section 10.

A user is a member of an organization once, and of a team once: the database says so.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models

from better_auth import clock
from better_auth.crypto.identifiers import new_id
from better_auth.models.user import EMAIL_LENGTH, ID_LENGTH

SLUG_LENGTH = 255


class InvitationStatus(models.TextChoices):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELED = "canceled"


class Organization(models.Model):
    """``metadata``: JSON text, as the protocol shows it."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    name = models.TextField()
    slug = models.CharField(max_length=SLUG_LENGTH)
    logo = models.TextField(null=True, blank=True)
    metadata = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        db_table = "better_auth_organizations"
        constraints = [models.UniqueConstraint(fields=["slug"], name="better_auth_organization_slug")]

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """``role``: names joined by commas."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="members", db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="organization_memberships"
    )
    role = models.TextField(default="member")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        db_table = "better_auth_members"
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="better_auth_one_membership")
        ]

    def __str__(self) -> str:
        return self.id


class Invitation(models.Model):
    """``team_ids``: joined by commas, or null; no foreign keys, as teams may go while it waits."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations", db_index=False)
    email = models.EmailField(max_length=EMAIL_LENGTH)
    role = models.TextField(null=True, blank=True)
    team_ids = models.TextField(null=True, blank=True)
    status = models.CharField(
        max_length=16, choices=InvitationStatus.choices, default=InvitationStatus.PENDING
    )
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(default=clock.now, editable=False)
    inviter = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="organization_invitations"
    )

    class Meta:
        db_table = "better_auth_invitations"
        indexes = [
            models.Index(fields=["organization", "status", "email"], name="better_auth_invitation_org"),
            models.Index(fields=["email", "status"], name="better_auth_invitation_email"),
        ]

    def __str__(self) -> str:
        return self.id


class Team(models.Model):
    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    name = models.TextField()
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="teams")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "better_auth_teams"

    def __str__(self) -> str:
        return self.name


class TeamMember(models.Model):
    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="members", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="team_memberships")
    created_at = models.DateTimeField(null=True, default=clock.now, editable=False)

    class Meta:
        db_table = "better_auth_team_members"
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="better_auth_one_team_membership")
        ]

    def __str__(self) -> str:
        return self.id


class OrganizationRole(models.Model):
    """A role that an organization made for itself. ``permission``: JSON text, resource to actions."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="roles", db_index=False)
    role = models.CharField(max_length=255)
    permission = models.TextField()
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "better_auth_organization_roles"
        constraints = [
            models.UniqueConstraint(fields=["organization", "role"], name="better_auth_one_role_name")
        ]

    def __str__(self) -> str:
        return self.role
