"""What tests of vendors' exports share: files shaped like the vendors' own, and a look at who came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password

from better_auth import passwords, users
from better_auth.models import CREDENTIAL, Account
from better_auth.storage.records import UserRecord
from migration_tools import keeping
from tests.migration_tools.conftest import LEGACY_PASSWORD

FILES = Path(__file__).parent / "files"


def vendor_file(name: str) -> str:
    return str(FILES / name)


def found(email: str) -> UserRecord:
    user = users.find_by_email(email)
    assert user is not None, email
    return user


def signs_in(email: str, password: str = LEGACY_PASSWORD) -> bool:
    """Whether Django's check takes the password, and none that is nearly it."""
    stored = passwords.find_stored_hash(found(email))
    return bool(
        stored and check_password(password, stored) and not check_password(f"{password[:-1]}_", stored)
    )


def identities(email: str) -> set[tuple[str, str]]:
    rows = Account.objects.filter(user_id=found(email).key).exclude(provider_id=CREDENTIAL)
    return set(rows.values_list("provider_id", "account_id"))


def kept_of(email: str, source: str) -> dict[str, Any]:
    user = found(email)
    return keeping.kept_factors(source, [user.key]).get(user.key, {})


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, str | bytes], str]:
    """Write a file, and give its path."""

    def write(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write
