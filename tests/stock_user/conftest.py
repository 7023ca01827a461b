"""These tests need Django's own user model: ``pytest --ds=tests.settings.stock_user tests/stock_user``.

Under any other settings only ``test_with_stock_settings.py`` is collected, which runs the rest like that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password

IS_STOCK = settings.AUTH_USER_MODEL == "auth.User"
RUNNER = "test_with_stock_settings.py"
collect_ignore_glob = [RUNNER] if IS_STOCK else ["test_[!w]*.py"]

OLD_PASSWORD = "what they always typed"


@pytest.fixture(scope="session")
def old_hash() -> str:
    """As stock Django writes it, at a cost for tests."""
    return make_password(OLD_PASSWORD, hasher="pbkdf2_sha256")


@pytest.fixture
def host_user(db: None, old_hash: str) -> Callable[..., Any]:
    """A user from the time before us: no signal, no profile."""
    from django.contrib.auth.models import User

    def make(username: str, email: str = "", **columns: Any) -> Any:
        columns = {"password": old_hash, **columns}
        return User.objects.bulk_create([User(username=username, email=email, **columns)])[0]

    return make
