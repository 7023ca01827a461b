"""Every look-up of organizations has an index: PostgreSQL says so itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth import users
from better_auth.authentication.principal import Principal
from better_auth.events import AuthMethod
from better_auth.models import Session
from better_auth.storage.records import UserRecord, session_record
from organizations import current, invitations, membership, reading, team_members
from organizations.models import Organization
from tests.better_auth.models.test_indexes import (
    _indexes_preferred,
    ensure_indexed,
    pytestmark,
    statements_of,
)
from tests.organizations.people import Somebody

__all__ = ["_indexes_preferred", "pytestmark"]


@pytest.fixture
def user(ann: Somebody, acme: Any) -> UserRecord:
    found = users.find_by_id(ann.user["id"])
    assert found is not None
    return users.update(found, email_verified=True)


def principal(user: UserRecord) -> Principal:
    return Principal(user, session_record(Session.objects.get(), user_id=user.id), AuthMethod.SESSION)


@pytest.mark.parametrize(
    ("look_up", "columns"),
    [
        (lambda user, row: membership.find_member(row.id, user), ("user_id",)),
        (lambda user, row: current.membership_of(principal(user)), ("user_id",)),
        (lambda user, row: reading.list_organizations(user), ("user_id",)),
        (lambda user, row: invitations.list_for_user(user), ("email", "status")),
        (lambda user, row: invitations._waiting(row).filter(email="a@example.com").first(), ("email",)),
        (lambda user, row: invitations._waiting(row).count(), ("organization_id", "status")),
        (lambda user, row: Organization.objects.filter(slug="acme").first(), ("slug",)),
        (lambda user, row: team_members._teams_of(user.key, None), ("user_id",)),
    ],
)
def test_it_is_found_by_an_index(
    user: UserRecord, look_up: Callable[[UserRecord, Any], Any], columns: tuple[str, ...]
) -> None:
    row = Organization.objects.get()
    ensure_indexed(statements_of(lambda: look_up(user, row))[-1], *columns)
