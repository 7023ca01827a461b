"""A former system with all its schemes, and one of its users who is here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from better_auth.legacy_credentials import last_methods, signed
from better_auth.storage.records import UserRecord
from tests.host import legacy_credentials as former

Configure = Callable[..., None]
SERVICE_SECRET = "introspection-secret-0123456789-abcdef"


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    """Not in the journal yet."""
    return make_user()


@pytest.fixture
def beside(db: None, configure: Configure) -> Iterator[None]:
    """Every scheme is taken."""
    configure(
        DUAL_AUTH=former.settings_of(),
        INTROSPECTION={"SECRETS": [f"shop:{SERVICE_SECRET}"]},
        MIGRATION={"SOURCE": former.SOURCE},
    )
    former.make_tables()
    yield
    signed.forget()
    last_methods.forget()
