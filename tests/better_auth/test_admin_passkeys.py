"""Passkeys in the admin site; ``test_admin_hosts.py`` runs what concerns users on each way to have them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from better_auth import users
from better_auth.models import AuditEntry, Passkey
from better_auth.storage.records import UserRecord
from tests.better_auth.test_admin import enter, user_page

pytestmark = pytest.mark.django_db
LIST = "admin:better_auth_passkey_changelist"


@pytest.fixture
def operator() -> Client:
    return enter("operator@example.com", is_superuser=True)


@pytest.fixture
def clerk() -> Client:
    """May remove passkeys, and is no superuser."""
    client = enter("clerk@example.com")
    user = users.find_by_email("clerk@example.com")
    assert user is not None
    row = get_user_model()._default_manager.get(pk=user.key)
    row.user_permissions.set(Permission.objects.filter(codename__in=["view_passkey", "delete_passkey"]))
    return client


def passkey_of(user: UserRecord, name: str = "Laptop") -> Passkey:
    return Passkey.objects.create(
        user_id=user.key,
        name=name,
        public_key="x",
        credential_id=f"{user.id}-{name}",
        device_type="singleDevice",
    )


def remove(client: Client, *rows: Passkey, reason: str = "stolen") -> Any:
    body = {"action": "remove", "_selected_action": [row.pk for row in rows], "reason": reason}
    return client.post(reverse(LIST), body, follow=True)


def test_they_are_shown_and_not_changed(operator: Client) -> None:
    ann = users.create(email="ann@example.com", name="Ann")
    row = passkey_of(ann)
    listed = operator.get(reverse(LIST)).content.decode()
    assert "ann@example.com" in listed
    assert "Laptop" in listed
    assert reverse(LIST) in operator.get(user_page(ann)).content.decode()
    page = reverse("admin:better_auth_passkey_change", args=[row.pk])
    assert row.credential_id in operator.get(page).content.decode()
    assert operator.post(page, {"name": "Mine"}).status_code == 403
    assert operator.get(reverse("admin:better_auth_passkey_add")).status_code == 403


def test_one_is_removed_with_a_reason(operator: Client) -> None:
    ann = users.create(email="ann@example.com", name="Ann")
    row = passkey_of(ann)
    assert "Write the reason" in remove(operator, row, reason="  ").content.decode()
    assert Passkey.objects.exists()
    assert "Removed 1 passkey." in remove(operator, row).content.decode()
    assert not Passkey.objects.exists()
    entry = AuditEntry.objects.get(event_type="passkey_removed")
    owner = users.find_by_email("operator@example.com")
    assert owner is not None
    assert (entry.actor_id, entry.subject_id) == (owner.id, ann.id)
    assert entry.details == {"passkey": row.pk, "reason": "stolen"}


def test_those_of_superusers_are_for_superusers(clerk: Client) -> None:
    enter("root@example.com", is_superuser=True)
    root, ann = users.find_by_email("root@example.com"), users.create(email="ann@example.com", name="Ann")
    assert root is not None
    text = remove(clerk, passkey_of(root), passkey_of(ann)).content.decode()
    assert "Left out 1 passkey" in text
    assert Passkey.objects.get().user_id == root.key
