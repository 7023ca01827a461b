"""Asking about people who were brought over."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.hashers import check_password

from better_auth import passwords, users
from better_auth.models import Account
from better_auth.storage.records import UserRecord
from migration_tools import keeping
from tests.migration_tools.conftest import LEGACY_PASSWORD


def brought(email: str) -> UserRecord:
    found = users.find_by_email(email)
    assert found is not None, f"{email} was not brought"
    return found


def fits(user: UserRecord, password: str = LEGACY_PASSWORD) -> bool:
    """Whether Django takes the password for the hash that was brought."""
    stored = passwords.find_stored_hash(user)
    return stored is not None and check_password(password, stored)


def identities(user: UserRecord) -> set[tuple[str, str]]:
    rows = Account.objects.filter(user_id=user.key).exclude(provider_id="credential")
    return set(rows.values_list("provider_id", "account_id"))


def factors(source: str, user: UserRecord) -> dict[str, Any] | None:
    """What was brought of second factors, or None."""
    return keeping.kept_factors(source, [user.key]).get(user.key)
