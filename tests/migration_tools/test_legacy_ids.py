"""A credential of the former system leads to who came from there: through the journal, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth import users
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.pipeline import authenticate
from better_auth.storage import shared_sessions
from better_auth.storage.records import UserRecord
from better_auth.storage.subscription import subscription
from migration_tools import journal
from migration_tools.models import MigrationRecord
from tests.host.legacy_credentials import SECRET, service_jwt
from tests.migration_tools.conftest import Migrate, people, person
from tests.server import wait_for

# What is remembered is remembered outside of transactions only.
pytestmark = pytest.mark.django_db(transaction=True)
Configure = Callable[..., None]
SOURCE = "jsonl"


@pytest.fixture(autouse=True)
def _beside(configure: Configure) -> None:
    configure(
        DUAL_AUTH={"ENABLED": True, "JWT": {"ENABLED": True, "SECRET": SECRET}},
        MIGRATION={"SOURCE": SOURCE},
        SESSION={"CACHE": {"SECONDS": 3600}},  # so that nothing is forgotten by time alone
    )
    wait_for(lambda: shared_sessions.client() is None or subscription.is_live(), "the subscription")


def email_of(legacy_id: str) -> str:
    """Whose token it is, or why it is not taken."""
    try:
        principal = authenticate(Credentials(bearer=service_jwt(legacy_id)))
    except InvalidCredentials as refusal:
        return refusal.code.name if refusal.code else ""
    assert principal is not None
    return principal.user.email


def test_who_comes_is_known_at_once(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    assert email_of("u-1") == "LEGACY_USER_NOT_MIGRATED"
    migrate("--source", SOURCE, "--input", jsonl(*people(3)))
    assert [email_of(f"u-{number}") for number in range(3)] == [
        f"person{number}@example.org" for number in range(3)
    ]
    assert email_of("u-3") == "LEGACY_USER_NOT_MIGRATED"


def test_there_and_back_and_there_again(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    file = jsonl(*people(2))
    for _ in range(2):
        migrate("--source", SOURCE, "--input", file)
        assert email_of("u-1") == "person1@example.org"
        assert email_of("u-1") == "person1@example.org"
        migrate("--rollback", "--source", SOURCE)
        assert email_of("u-1") == "LEGACY_USER_ROLLED_BACK"


def test_who_was_here_before_is_joined_and_parted(
    migrate: Migrate, jsonl: Callable[..., str], make_user: Callable[..., UserRecord]
) -> None:
    """The user stays at a rollback, but is not theirs any more."""
    ann = make_user("person1@example.org", email_verified=True)
    file = jsonl(person(1, email_verified=True))
    migrate("--source", SOURCE, "--input", file, "--on-conflict", "link", "--trust-verified")
    assert MigrationRecord.objects.get(legacy_id="u-1").user_id == ann.key
    assert email_of("u-1") == ann.email
    migrate("--rollback", "--source", SOURCE)
    assert email_of("u-1") == "LEGACY_USER_ROLLED_BACK"
    assert users.get(ann).email == ann.email


@pytest.mark.parametrize("change", ["ban", "delete", "switch off"])
def test_what_happens_to_them_here_counts_at_once(
    migrate: Migrate, jsonl: Callable[..., str], change: str
) -> None:
    migrate("--source", SOURCE, "--input", jsonl(person(1)))
    assert email_of("u-1") == "person1@example.org"
    user = users.find_by_email("person1@example.org")
    assert user is not None
    if change == "ban":
        users.update(user, banned=True)
    elif change == "delete":
        users.delete(user)
    else:
        row = users.row_of(user)
        row.is_active = False
        row.save()
    assert email_of("u-1") == ("LEGACY_USER_DELETED" if change == "delete" else "LEGACY_USER_BANNED")


def test_an_address_that_went_to_somebody_else(
    migrate: Migrate, jsonl: Callable[..., str], make_user: Callable[..., UserRecord]
) -> None:
    migrate("--source", SOURCE, "--input", jsonl(person(1)))
    old = users.find_by_email("person1@example.org")
    assert old is not None
    users.update(old, email="moved@example.org")
    make_user("person1@example.org")
    assert email_of("u-1") == "moved@example.org"
    users.delete(users.get(old))
    assert email_of("u-1") == "LEGACY_USER_DELETED"


def test_a_look_up_is_one_statement(
    migrate: Migrate, jsonl: Callable[..., str], django_assert_num_queries: Any
) -> None:
    migrate("--source", SOURCE, "--input", jsonl(*people(3)))
    with django_assert_num_queries(1):
        standing = journal.standing(SOURCE, "u-2")
    assert standing.state == "here"
    with django_assert_num_queries(1):
        assert journal.find_legacy_id(SOURCE, standing.user_key) == "u-2"
    assert journal.find_legacy_id("another", standing.user_key) is None
    email_of("u-1")  # what is made once for each process is made
    with django_assert_num_queries(2):  # the journal and the user
        email_of("u-2")
    with django_assert_num_queries(0):
        email_of("u-2")
