"""People come into a project that keeps its own user model: a row of the host's, a profile of ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from better_auth import passwords, users
from better_auth.models import Account, UserProfile
from migration_tools import announcing, leftovers
from tests.migration_tools.conftest import LEGACY_PASSWORD, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def bring(tmp_path: Path) -> object:
    def run(*records: object, **options: object) -> None:
        path = tmp_path / "users.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        call_command("migrate_users", source="jsonl", input=str(path), yes=True, **options)

    return run


def test_each_gets_a_row_of_the_hosts_with_a_name_of_their_own(bring: object) -> None:
    get_user_model().objects.create_user("ida", email="somebody@example.org")
    call_command("adopt_users")
    bring(person(1, username="Mara.Ek"), person(2, username="ida"), person(3), person(4, username="b b"))  # type: ignore[operator]
    rows = {row.email: row for row in get_user_model().objects.all()}
    assert rows["person1@example.org"].username == "Mara.Ek"
    assert rows["person2@example.org"].username == "person2@example.org"
    assert rows["person3@example.org"].username == "person3@example.org"
    assert rows["person4@example.org"].username == "person4@example.org"
    profile = UserProfile.objects.get(public_id="u-1")
    assert (profile.email, profile.username, profile.user_id) == (
        "person1@example.org",
        "mara.ek",
        rows["person1@example.org"].pk,
    )
    found = users.find_by_id("u-1")
    assert found is not None
    assert passwords.verify(LEGACY_PASSWORD, found)


def test_a_hash_too_long_for_the_hosts_column_stands_in_the_account(bring: object) -> None:
    stored = "00" * 16 + ":" + "0" * 128
    bring(person(1, password={"scheme": "scrypt-better-auth", "hash": stored}))  # type: ignore[operator]
    row = get_user_model().objects.get()
    assert not row.has_usable_password()
    account = Account.objects.get(user=row)
    assert account.password is not None
    assert account.password.endswith(stored)


def test_what_is_left_over_and_who_is_told_are_found_beside_the_hosts_rows(bring: object) -> None:
    stored = "00" * 16 + ":" + "0" * 128
    bring(person(1), person(2, password={"scheme": "scrypt-better-auth", "hash": stored}))  # type: ignore[operator]
    uses = leftovers.hashes()
    assert {name: use.count for name, use in uses.items()} == {"legacy_bcrypt": 1, "better_auth_scrypt": 1}
    told = [(one.id, one.email, one.needs_reset) for one in announcing.recipients("jsonl")]
    assert told == [("u-1", "person1@example.org", False), ("u-2", "person2@example.org", False)]


def test_the_address_of_a_host_user_without_a_profile_is_taken(bring: object) -> None:
    get_user_model().objects.create_user("ida", email=" Person1@Example.org ")
    UserProfile.objects.all().delete()
    with pytest.raises(SystemExit) as end:
        bring(person(1), on_conflict="link")  # type: ignore[operator]
    assert end.value.code == 2
    assert get_user_model().objects.count() == 1
