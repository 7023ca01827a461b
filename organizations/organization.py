"""Create, find, change and delete organizations. Source: organization.md, section 4."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.module_loading import import_string

from better_auth import users
from better_auth.conf import auth_settings
from better_auth.crypto import wire_json
from better_auth.errors import BadRequest, Forbidden, NotFound
from better_auth.events import Client, publish
from better_auth.storage.records import SessionRecord, UserRecord
from organizations import active, current, membership
from organizations.errors import Code, Denial
from organizations.events import OrganizationCreated, OrganizationDeleted, OrganizationUpdated
from organizations.models import Member, Organization, Team, TeamMember


def create_organization(
    user: UserRecord,
    *,
    name: str,
    slug: str,
    logo: str | None = None,
    metadata: dict[str, Any] | None = None,
    session: SessionRecord | None = None,
    client: Client | None = None,
) -> tuple[Organization, Member]:
    """Make an organization with its creator as a member, and the first team where there are teams.

    ``session``, where given, is in it from then on. Raises ``Forbidden`` and ``BadRequest``: not allowed, too
    many, or the slug is taken.
    """
    if not _may_create(user):
        raise Forbidden(Code.YOU_ARE_NOT_ALLOWED_TO_CREATE_A_NEW_ORGANIZATION)
    with transaction.atomic():
        _ensure_room(user)
        row = _insert(name=name, slug=slug, logo=logo, metadata=text_of(metadata))
        role = auth_settings.organization.creator_role
        member = Member.objects.create(
            organization=row, user_id=user.key, role=role, created_at=row.created_at
        )
        columns: dict[str, Any] = {"active_organization_id": row.id}
        rules = auth_settings.organization.teams
        if rules.enabled and rules.default_team:
            columns["active_team_id"] = _first_team(row, user).id
        if session:
            active.switch(session, user, **columns)
        publish(
            OrganizationCreated(
                client=client or Client(), subject_id=user.id, details={"organization": row.id}
            )
        )
    return row, member


def find(*, organization_id: str | None = None, slug: str | None = None) -> Organization | None:
    """By slug where one is given, else by id."""
    rows = Organization.objects.filter(slug=slug) if slug else Organization.objects.filter(pk=organization_id)
    return rows.first()


def ensure_slug_is_free(slug: str, *, but: Organization | None = None) -> None:
    """Raises ``BadRequest``; slugs are compared exactly."""
    others = Organization.objects.filter(slug=slug)
    if (others.exclude(pk=but.pk) if but else others).exists():
        raise BadRequest(Code.ORGANIZATION_SLUG_ALREADY_TAKEN)


def update_organization(
    user: UserRecord, organization_id: str | None, changes: dict[str, Any], *, client: Client
) -> Organization:
    """Change name, slug, logo, metadata; nothing at all is no mistake."""
    if not organization_id:
        raise BadRequest(Code.ORGANIZATION_NOT_FOUND)
    member = membership.find_member(organization_id, user)
    if member is None:
        raise Denial(400, Code.USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION)
    if not membership.may(member, {"organization": ["update"]}):
        raise Denial(403, Code.YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_ORGANIZATION)
    columns = {**changes, "metadata": text_of(changes["metadata"])} if "metadata" in changes else changes
    with transaction.atomic():
        row = membership.lock(organization_id)
        if "slug" in columns:
            ensure_slug_is_free(columns["slug"], but=row)
        for column, value in columns.items():
            setattr(row, column, value)
        if columns:
            _save(row, list(columns))
            current.forget_organization(row.id)
            details = {"organization": row.id, "fields": sorted(columns)}
            publish(OrganizationUpdated(client=client, subject_id=user.id, details=details))
    return row


def delete_organization(
    user: UserRecord, session: SessionRecord, organization_id: str, *, client: Client
) -> Organization:
    """Delete it with all that is in it; the session that does so is in none from then on."""
    member = membership.find_member(organization_id, user)
    if member is None:
        raise Denial(400, Code.USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION)
    if not membership.may(member, {"organization": ["delete"]}):
        raise Denial(403, Code.YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_ORGANIZATION)
    with transaction.atomic():
        row = Organization.objects.select_for_update().filter(pk=organization_id).first()
        if row is None:
            raise BadRequest()
        active.leave(session, user, row.id)
        Organization.objects.filter(pk=row.pk).delete()
        current.forget_organization(row.id)
        publish(
            OrganizationDeleted(
                client=client, subject_id=user.id, details={"organization": row.id, "name": row.name[:200]}
            )
        )
    return row


def ensure_deletion_is_on() -> None:
    if auth_settings.organization.disable_deletion:
        raise NotFound(Code.ORGANIZATION_DELETION_DISABLED)


def text_of(metadata: dict[str, Any] | None) -> str | None:
    """As JavaScript writes it."""
    return None if metadata is None else wire_json.dumps(metadata)


def _may_create(user: UserRecord) -> bool:
    rules = auth_settings.organization
    if not rules.allow_creation:
        return False
    return bool(import_string(rules.creation_check)(user)) if rules.creation_check else True


def _ensure_room(user: UserRecord) -> None:
    limit = auth_settings.organization.limit
    if limit is None:
        return
    users.lock(user)  # of two that are made at once the second is counted with the first
    if Member.objects.filter(user_id=user.key).count() >= limit:
        raise Forbidden(Code.YOU_HAVE_REACHED_THE_MAXIMUM_NUMBER_OF_ORGANIZATIONS)


def _insert(**columns: Any) -> Organization:
    if Organization.objects.filter(slug=columns["slug"]).exists():
        raise BadRequest(Code.ORGANIZATION_ALREADY_EXISTS)
    try:
        with transaction.atomic():
            return Organization.objects.create(**columns)
    except IntegrityError:  # another request was first
        raise BadRequest(Code.ORGANIZATION_ALREADY_EXISTS) from None


def _save(row: Organization, columns: list[str]) -> None:
    try:
        with transaction.atomic():
            row.save(update_fields=columns)
    except IntegrityError:
        raise BadRequest(Code.ORGANIZATION_SLUG_ALREADY_TAKEN) from None


def _first_team(row: Organization, user: UserRecord) -> Team:
    team = Team.objects.create(organization=row, name=row.name, created_at=row.created_at)
    TeamMember.objects.create(team=team, user_id=user.key, created_at=row.created_at)
    return team
