"""A rollback gives back what was, and takes nothing from anybody who has done something here since."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from better_auth import accounts, passwords, users
from better_auth.models import CREDENTIAL, Account, AuditEntry, Session, Verification
from better_auth.storage.records import carrier_model
from migration_tools.models import MigrationRecord, MigrationRun
from tests.conftest import ApiClient
from tests.migration_tools.conftest import LEGACY_PASSWORD, Migrate, people, person

pytestmark = pytest.mark.django_db

NOT_COMPARED = {
    model._meta.db_table for model in (MigrationRun, MigrationRecord, AuditEntry, MigrationRecorder.Migration)
}


def dump() -> dict[str, list[Any]]:
    """Every row of every table, but for the journal and the audit log."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table not in NOT_COMPARED and table != "sqlite_sequence":
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
                found[table] = sorted(map(repr, cursor.fetchall()))
    return found


@pytest.fixture
def here() -> None:
    """Somebody who is here already, by our own sign-up and verified."""
    user = users.create(email="person3@example.org", name="Was here", email_verified=True)
    passwords.set_password(user, passwords.hash_password("her own password"))
    accounts.ensure_credential(user)
    users.create(email="person4@example.org", name="Without a password", email_verified=True)


@pytest.mark.parametrize("policy", ["skip", "link", "update"])
def test_afterwards_everything_is_as_before(
    policy: str, here: None, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    before = dump()
    records = [
        person(number, email_verified=True, image="https://example.org/i", accounts=[google(number)])
        for number in range(20)
    ]
    result = migrate(
        "--source", "jsonl", "--input", jsonl(*records), "--on-conflict", policy, "--trust-verified"
    )
    joined = {"skip": "skipped", "link": "linked", "update": "updated"}[policy]
    assert (result.report["outcomes"]["created"], result.report["outcomes"][joined]) == (18, 2)
    assert dump() != before
    undone = migrate("--rollback", "--source", "jsonl")
    assert undone.code == 0, undone.output
    assert dump() == before
    assert AuditEntry.objects.filter(event_type="migration_rolled_back").exists()


def test_it_can_be_brought_again_afterwards(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    file = jsonl(*people(30))
    migrate("--source", "jsonl", "--input", file)
    first = dump()
    migrate("--rollback")
    result = migrate("--source", "jsonl", "--input", file)
    assert result.report["outcomes"]["created"] == 30
    assert dump().keys() == first.keys()
    assert [row.split(",")[0] for row in dump()["better_auth_accounts"]] == [
        row.split(",")[0] for row in first["better_auth_accounts"]
    ]


def google(number: int) -> dict[str, str]:
    return {"provider": "google", "subject": f"g{number}"}


def change_name(user: Any) -> None:
    users.update(user, name="Another name")


def change_email(user: Any) -> None:
    users.update(user, email="elsewhere@example.org")


def change_password(user: Any) -> None:
    passwords.set_password(user, passwords.hash_password("a new password"))


def link_account(user: Any) -> None:
    Account.objects.create(user_id=user.key, provider_id="github", account_id="1")


def work_in_a_host_app(user: Any) -> None:
    LogEntry.objects.create(user_id=user.key, action_flag=1, object_repr="an order")


CHANGES = [
    (change_name, "name"),
    (change_email, "email"),
    (change_password, "password"),
    (link_account, "accounts"),
    (work_in_a_host_app, "admin.logentry"),
]


@pytest.mark.parametrize(("change", "named"), CHANGES)
def test_who_changed_something_stays_and_is_listed(
    change: Callable[[Any], None], named: str, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(5)))
    user = users.find_by_email("person2@example.org")
    assert user is not None
    change(user)
    result = migrate("--rollback", "--source", "jsonl")
    assert result.code == 5
    assert f"u-2: {named}" in result.output
    assert get_user_model().objects.count() == 1
    assert users.find_by_key(user.key) is not None


@pytest.mark.parametrize(("change", "named"), CHANGES)
def test_by_force_they_go_too_but_are_exported_first(
    change: Callable[[Any], None], named: str, migrate: Migrate, jsonl: Callable[..., str], tmp_path: Path
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(5)))
    user = users.find_by_email("person2@example.org")
    assert user is not None
    change(user)
    migrate("--rollback", "--source", "jsonl")
    run = MigrationRun.objects.get()
    result = migrate("--rollback", "--run", str(run.pk), "--force-changed")
    assert result.code == 0
    assert not get_user_model().objects.exists()
    (export,) = tmp_path.glob("*.lost.jsonl")
    assert export.stat().st_mode & 0o077 == 0
    (line,) = export.read_text().splitlines()
    told = json.loads(line)
    assert (told["legacy_id"], told["changed"]) == ("u-2", [named])
    assert any(row["model"].endswith(named) or "email" in row["fields"] for row in told["rows"])


def test_signing_in_a_better_hash_and_sessions_are_no_changes(
    browser: ApiClient, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(3)))
    assert browser.sign_in("person1@example.org", LEGACY_PASSWORD).status_code == 200
    user = users.find_by_email("person1@example.org")
    assert user is not None
    assert users.row_of(user).password.startswith("argon2$")
    assert Session.objects.exists()
    assert migrate("--rollback", "--source", "jsonl").code == 0
    assert not get_user_model().objects.exists()
    assert not Session.objects.exists()
    assert browser.session() is None


def test_a_password_changed_after_a_better_hash_is_a_change(
    browser: ApiClient, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(1)))
    browser.sign_in("person0@example.org", LEGACY_PASSWORD)
    body = {"currentPassword": LEGACY_PASSWORD, "newPassword": "something quite different"}
    assert browser.api("POST", "/change-password", body).status_code == 200
    assert migrate("--rollback", "--source", "jsonl").code == 5


def test_a_joined_user_who_changed_keeps_what_is_theirs(
    here: None, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    records = [person(3, email_verified=True, name="From there", accounts=[google(3)])]
    migrate("--source", "jsonl", "--input", jsonl(*records), "--on-conflict", "update", "--trust-verified")
    user = users.find_by_email("person3@example.org")
    assert user is not None
    assert user.name == "From there"
    users.update(user, name="Changed since")
    assert migrate("--rollback", "--source", "jsonl").code == 5
    assert users.get(user).name == "Changed since"
    assert (
        migrate(
            "--rollback", "--source", "jsonl", "--run", str(MigrationRun.objects.get().pk), "--force-changed"
        ).code
        == 0
    )
    assert users.get(user).name == "Was here"
    assert not Account.objects.filter(user_id=user.key).exclude(provider_id=CREDENTIAL).exists()


def test_who_left_in_the_meantime_is_not_missed(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(3)))
    user = users.find_by_email("person1@example.org")
    assert user is not None
    users.delete(user)
    assert migrate("--rollback", "--source", "jsonl").code == 0


def test_nobody_who_left_is_brought_back(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    file = jsonl(*people(3))
    migrate("--source", "jsonl", "--input", file)
    user = users.find_by_email("person1@example.org")
    assert user is not None
    users.delete(user)
    result = migrate("--source", "jsonl", "--input", file, "--resume")
    assert result.reasons == [("line 2", "deleted-here")]
    assert get_user_model().objects.count() == 2


def test_runs_are_undone_the_newest_first(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(2)))
    migrate("--source", "jsonl", "--input", jsonl(*people(2), person(7)), "--resume")
    first, second = MigrationRun.objects.order_by("pk")
    refused = migrate("--rollback", "--run", str(first.pk))
    assert (refused.code, f"run {second.pk}" in refused.output) == (1, True)
    assert migrate("--rollback", "--run", str(second.pk)).code == 0
    assert get_user_model().objects.count() == 2
    assert migrate("--rollback").code == 0
    assert not get_user_model().objects.exists()


def test_a_closed_rollback_is_none(here: None, migrate: Migrate, jsonl: Callable[..., str]) -> None:
    records = [person(number, email_verified=True) for number in range(5)]
    migrate("--source", "jsonl", "--input", jsonl(*records), "--on-conflict", "update", "--trust-verified")
    kept = list(MigrationRecord.objects.exclude(former=None).values_list("former", flat=True))
    assert len(kept) == 2
    assert not any("argon2" in one for one in kept)
    assert (
        "The runs of jsonl can't be undone any more (1 of them)"
        in migrate("--close-rollback", "--source", "jsonl").output
    )
    assert "closed before" in migrate("--close-rollback", "--source", "jsonl").output
    assert not MigrationRecord.objects.exclude(former=None).exists()
    refused = migrate("--rollback", "--source", "jsonl")
    assert (refused.code, "was closed" in refused.output) == (1, True)
    assert get_user_model().objects.count() == 5


def test_a_former_address_that_somebody_has_now_is_told_of(
    migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    """The others are undone all the same, and the rollback comes to its end."""
    migrate("--source", "jsonl", "--input", jsonl(*people(3)))
    moved = [person(number, email=f"moved{number}@example.org") for number in range(3)]
    migrate("--source", "jsonl", "--input", jsonl(*moved), "--resume", "--on-conflict", "update")
    users.create(email="person1@example.org", name="Somebody else")
    result = migrate("--rollback")
    assert (result.code, "u-1: what they had is somebody else's" in result.output) == (5, True), result.output
    assert users.find_by_email("moved1@example.org") is not None
    assert users.find_by_email("person2@example.org") is not None
    assert MigrationRun.objects.latest("pk").state == "rolled_back"


def test_all_who_are_kept_stand_in_the_report(
    migrate: Migrate, jsonl: Callable[..., str], tmp_path: Path
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(30), "{"))
    carrier_model()._default_manager.exclude(email__endswith="1@example.org").update(name="Changed")
    result = migrate("--rollback")
    assert result.report == {
        "mode": "rollback",
        "run": MigrationRun.objects.get().pk,
        "source": "jsonl",
        "deleted": 3,
        "restored": 0,
        "kept": 27,
        "kept_users": str(tmp_path / "report.kept.csv"),
    }
    rows = list(csv.DictReader((tmp_path / "report.kept.csv").open(newline="")))
    assert len(rows) == 27
    assert rows[0] == {"id": "u-29", "user": "u-29", "changes": "name"}
    assert "… and 7 more" in result.output


def test_an_export_that_can_not_be_written_stops_nothing_half_way(
    migrate: Migrate, jsonl: Callable[..., str], tmp_path: Path
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(3)))
    carrier_model()._default_manager.update(name="Changed")
    told = ["--rollback", "--force-changed", "--report", str(tmp_path / "nowhere" / "x")]
    refused = migrate(*told, report=False)
    assert (refused.code, "No such file" in refused.output) == (1, True), refused.output
    assert MigrationRun.objects.get().state == "finished"


def test_former_values_under_another_secret_stop_nothing_half_way(
    here: None, migrate: Migrate, jsonl: Callable[..., str], settings: Any
) -> None:
    records = [person(number, email_verified=True, name="From there") for number in range(5)]
    migrate("--source", "jsonl", "--input", jsonl(*records), "--on-conflict", "update", "--trust-verified")
    settings.BETTER_AUTH = {**settings.BETTER_AUTH, "SECRET": "x" * 40}
    refused = migrate("--rollback")
    assert (refused.code, "another BETTER_AUTH_SECRET" in refused.output) == (1, True), refused.output
    assert (MigrationRun.objects.get().state, get_user_model().objects.count()) == ("finished", 5)


def test_who_left_by_themselves_is_not_counted(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(3)))
    user = users.find_by_email("person1@example.org")
    assert user is not None
    users.delete(user)
    assert "2 users deleted" in migrate("--rollback").output


def test_what_was_mailed_to_them_goes_too(
    browser: ApiClient, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(2)))
    body = {"email": "person1@example.org", "redirectTo": "/"}
    assert browser.api("POST", "/request-password-reset", body).status_code == 200
    assert Verification.objects.exists()
    assert migrate("--rollback").code == 0
    assert not Verification.objects.exists()


def test_who_has_become_another_sources_user_stays(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    """That one would take them for somebody who left, and never bring them again."""
    file = jsonl(*(person(number, email_verified=True) for number in range(2)))
    told = ["--source", "jsonl", "--trust-verified", "--on-conflict", "link", "--input"]
    migrate(*told, file, "--name", "shop")
    migrate(*told, jsonl(person(1, email_verified=True), name="forum.jsonl"), "--name", "forum")
    result = migrate("--rollback", "--name", "shop")
    assert (result.code, "u-1: source forum" in result.output) == (5, True), result.output
    assert migrate("--rollback", "--name", "forum").code == 0
    run = MigrationRun.objects.get(source="shop")
    assert migrate("--rollback", "--run", str(run.pk)).code == 0
    assert not get_user_model().objects.exists()


def test_nothing_is_closed_while_a_run_is_open(
    here: None, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    """What that run keeps holds what earlier ones kept, and its own rollback would bring that back."""
    told = ["--source", "jsonl", "--on-conflict", "update", "--trust-verified", "--input"]
    migrate(*told, jsonl(person(3, email_verified=True)))
    changed = jsonl(person(3, email_verified=True, name="Changed"), "{", person(8))
    assert migrate(*told, changed, "--resume", "--strict").code == 3
    refused = migrate("--close-rollback", "--source", "jsonl")
    assert (refused.code, "was interrupted after 1 records" in refused.output) == (1, True), refused.output
    assert migrate("--rollback").code == 0
    assert MigrationRecord.objects.exclude(former=None).count() == 1
    assert migrate("--close-rollback", "--source", "jsonl").code == 0
    assert not MigrationRecord.objects.exclude(former=None).exists()


def test_a_mistyped_source_is_not_taken_for_closed(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    migrate("--source", "jsonl", "--name", "shop", "--input", jsonl(*people(1)))
    result = migrate("--close-rollback", "--name", "shpo")
    assert (result.code, result.output) == (1, "there is no run of shpo; did you mean shop?")
