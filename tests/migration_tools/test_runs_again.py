"""A second run brings what is new and what changed there, and never what people did here."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from better_auth import passwords, users
from better_auth.models import Account, AuditEntry
from migration_tools import journal
from migration_tools.models import MigrationRecord, MigrationRun
from migration_tools.statistics import SourceStatus, table
from tests.migration_tools.conftest import BCRYPT, LEGACY_PASSWORD, Migrate, people, person

pytestmark = pytest.mark.django_db

OTHER = "$2b$04$abcdefghijklmnopqrstuusBdtCq5VHp1ZWh/QwIMafig7GoIpK9C"


def found(number: int) -> Any:
    return users.find_by_email(f"person{number}@example.org")


def test_what_is_here_already_is_left_alone(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    file = jsonl(*people(20))
    migrate("--source", "jsonl", "--input", file)
    result = migrate("--source", "jsonl", "--input", file, "--resume")
    assert (result.code, result.report["outcomes"]["unchanged"]) == (0, 20)
    assert get_user_model().objects.count() == 20


def test_what_came_new_is_brought(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(5)))
    result = migrate("--source", "jsonl", "--input", jsonl(*people(8)), "--resume")
    assert (result.report["outcomes"]["created"], result.report["outcomes"]["unchanged"]) == (3, 5)


def test_resume_without_a_run_begins_one(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    assert migrate("--source", "jsonl", "--input", jsonl(*people(2)), "--resume").code == 0
    assert get_user_model().objects.count() == 2


def test_what_changed_there_is_told_and_brought_on_request(
    migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(4)))
    changed = [
        person(0, name="Changed there", password={"scheme": "bcrypt", "hash": OTHER}),
        person(1, email="moved@example.org"),
        person(2, accounts=[{"provider": "google", "subject": "1"}]),
        person(3),
    ]
    file = jsonl(*changed)
    told = migrate("--source", "jsonl", "--input", file, "--resume")
    assert told.reasons == [(f"line {number}", "changed-in-source") for number in (1, 2, 3)]
    assert found(0).name == "Person 0"
    brought = migrate("--source", "jsonl", "--input", file, "--resume", "--on-conflict", "update")
    assert (brought.report["outcomes"]["updated"], brought.report["outcomes"]["unchanged"]) == (3, 1)
    assert found(0).name == "Changed there"
    assert passwords.verify("A" * 72, found(0))
    assert not passwords.verify(LEGACY_PASSWORD, found(0))
    assert users.find_by_email("moved@example.org") is not None
    assert Account.objects.filter(user_id=found(2).key, provider_id="google").exists()
    again = migrate("--source", "jsonl", "--input", file, "--resume", "--on-conflict", "update")
    assert again.report["outcomes"]["unchanged"] == 4


def test_what_people_changed_here_stays(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(2)))
    users.update(found(0), name="Changed here")
    passwords.set_password(found(1), passwords.hash_password("a new password"))
    changed = [person(number, name="Changed there", image="https://x.example/i") for number in range(2)]
    changed[1]["password"] = {"scheme": "bcrypt", "hash": OTHER}
    result = migrate("--source", "jsonl", "--input", jsonl(*changed), "--resume", "--on-conflict", "update")
    assert result.report["warnings"] == {"kept-name": 1, "kept-password": 1}
    assert (found(0).name, found(0).image) == ("Changed here", "https://x.example/i")
    assert found(1).name == "Changed there"
    assert passwords.verify("a new password", found(1))


def test_a_better_hash_of_the_same_password_is_not_undone(
    migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(1)))
    assert passwords.verify(LEGACY_PASSWORD, found(0))
    file = jsonl(person(0, name="Changed there"))
    migrate("--source", "jsonl", "--input", file, "--resume", "--on-conflict", "update")
    assert users.row_of(found(0)).password.startswith("argon2$")
    assert passwords.verify(LEGACY_PASSWORD, found(0))


def test_verify_tells_what_differs(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    file = jsonl(*people(6))
    migrate("--source", "jsonl", "--input", file)
    assert migrate("--source", "jsonl", "--input", file, "--verify").report["findings"] == {"equal": 6}
    users.update(found(0), name="Changed here")
    users.delete(found(1))
    records = [person(0), person(1), person(2, name="Changed there"), person(3), person(9), "{"]
    changed = jsonl(*records, name="changed.jsonl")
    result = migrate("--source", "jsonl", "--input", changed, "--verify")
    assert result.code == 4
    assert result.report["findings"] == {
        "changed-here": 1,
        "deleted-here": 1,
        "changed-there": 1,
        "equal": 1,
        "not-migrated": 1,
        "invalid": 1,
        "gone-there": 2,
    }
    assert "line 3: changed-there (name)" in result.output
    assert migrate("--source", "jsonl", "--input", file, "--verify", "--sample", "2").code == 0


def test_verify_names_what_changed_there_and_the_update_brings_it(
    migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    told = ["--source", "jsonl", "--trust-verified"]
    migrate(*told, "--input", jsonl(*people(6)))
    changes: list[dict[str, Any]] = [
        {"email_verified": True},
        {"password": {"scheme": "bcrypt", "hash": OTHER}},
        {"accounts": [{"provider": "google", "subject": "1"}]},
        {"disabled": True},
        {"email": "moved@example.org", "email_verified": True},
        {"created_at": "2020-01-01T00:00:00Z"},
    ]
    file = jsonl(*(person(number, **change) for number, change in enumerate(changes)))
    result = migrate(*told, "--input", file, "--verify")
    assert result.code == 4
    lines = [line.strip() for line in result.output.splitlines() if "line" in line]
    assert lines == [
        "line 1: changed-there (email_verified)",
        "line 2: changed-there (password)",
        "line 3: changed-there (accounts)",
        "line 4: changed-there (banned)",
        "line 5: changed-there (email, email_verified)",
        "line 6: changed-there",
    ]
    assert migrate(*told, "--input", file, "--resume", "--on-conflict", "update").code == 0
    assert migrate(*told, "--input", file, "--verify").report["findings"] == {"equal": 6}
    assert (found(0).email_verified, found(1).email_verified, found(3).banned) == (True, False, True)
    assert migrate("--rollback").code == 0
    assert (found(0).email_verified, found(3).banned) == (False, False)
    lifted = jsonl(person(3), name="lifted.jsonl")
    migrate(*told, "--input", file, "--resume", "--on-conflict", "update")
    result = migrate(*told, "--input", lifted, "--verify", "--sample", "5")
    assert "line 1: changed-there (banned)" in result.output


def test_verify_takes_no_repetition_for_a_change(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    told = ["--source", "jsonl", "--input", jsonl(person(1), person(1, email="other@example.org"), person(2))]
    migrate(*told)
    result = migrate(*told, "--verify")
    assert result.report["findings"] == {"equal": 2, "invalid": 1}
    assert "line 2: invalid (duplicate-id)" in result.output


def test_verify_of_a_part_misses_nobody(migrate: Migrate, jsonl: Callable[..., str], tmp_path: Path) -> None:
    file, cohort = jsonl(*people(5)), tmp_path / "cohort.txt"
    cohort.write_text("person1@example.org\n")
    migrate("--source", "jsonl", "--input", file)
    for narrow in (["--limit", "2"], ["--only-emails", str(cohort)], ["--sample", "2"]):
        result = migrate("--source", "jsonl", "--input", file, "--verify", *narrow)
        assert (result.code, "gone-there" in result.output) == (0, False), result.output


@pytest.mark.parametrize(
    ("ours", "theirs", "policy", "outcome"),
    [
        (True, True, "skip", "email-taken"),
        (True, True, "link", None),
        (True, False, "link", "email-unverified"),
        (False, True, "link", "email-unverified"),
        (False, True, "update", "email-unverified"),
        (True, True, "update", None),
    ],
)
def test_only_proven_addresses_are_joined(
    ours: bool, theirs: bool, policy: str, outcome: str | None, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    user = users.create(email="person0@example.org", name="Was here", email_verified=ours)
    file = jsonl(person(0, email_verified=theirs, accounts=[{"provider": "google", "subject": "1"}]))
    result = migrate("--source", "jsonl", "--input", file, "--on-conflict", policy, "--trust-verified")
    assert result.reasons == ([("line 1", outcome)] if outcome else [])
    is_joined = Account.objects.filter(user_id=user.key, provider_id="google").exists()
    assert is_joined == (outcome is None)
    assert journal.find_user_key("jsonl", "u-0") == (None if outcome else user.key)


def test_an_unbelieved_claim_joins_nobody(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    users.create(email="person0@example.org", name="Was here", email_verified=True)
    file = jsonl(person(0, email_verified=True))
    result = migrate("--source", "jsonl", "--input", file, "--on-conflict", "link")
    assert result.reasons == [("line 1", "email-unverified")]


def test_fail_stops_at_the_first_conflict(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    users.create(email="person3@example.org", name="Was here")
    file = jsonl(*people(6))
    dry = migrate("--source", "jsonl", "--input", file, "--on-conflict", "fail", "--dry-run")
    assert (dry.code, "line 4: email-taken" in dry.output) == (3, True)
    result = migrate("--source", "jsonl", "--input", file, "--on-conflict", "fail")
    assert (result.code, get_user_model().objects.count()) == (3, 4)


def test_a_cohort_and_a_limit(migrate: Migrate, jsonl: Callable[..., str], tmp_path: Path) -> None:
    file, cohort = jsonl(*people(10)), tmp_path / "beta.txt"
    cohort.write_text("PERSON7@example.org\n\nperson2@example.org\n")
    result = migrate("--source", "jsonl", "--input", file, "--only-emails", str(cohort))
    assert (result.report["read"], get_user_model().objects.count()) == (2, 2)
    assert "(of 2 addresses that --only-emails names)" in result.output
    result = migrate("--source", "jsonl", "--input", file, "--limit", "4", "--resume")
    assert (result.report["read"], get_user_model().objects.count()) == (4, 5)


def test_two_sources_do_not_mix(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(2)), "--name", "shop")
    other = jsonl({**person(0), "email": "other@example.org"}, person(1))
    result = migrate("--source", "jsonl", "--input", other, "--name", "forum")
    assert result.reasons == [("line 2", "email-taken")]
    user = users.find_by_email("other@example.org")
    assert user is not None
    assert user.id != "u-0"
    assert journal.find_user_key("forum", "u-0") == user.key
    assert journal.find_user_key("shop", "u-0") == found(0).key
    assert found(0).id == "u-0"


def test_status_counts_every_record_once(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    assert "Nothing has been brought" in migrate("--status").output
    file = jsonl(*people(3), "{", person(9, deleted_at="2024-01-01T00:00:00Z"))
    migrate("--source", "jsonl", "--input", file)
    migrate("--source", "jsonl", "--input", jsonl(person(0, name="x"), *people(3)), "--resume")
    header, counts, shares = migrate("--status").output.splitlines()
    assert header.split() == ["source", "pending", "migrated", "failed", "skipped", "rolled_back", "all"]
    assert counts.split() == ["jsonl", "0", "3", "1", "1", "0", "5"]
    assert shares.split() == ["0.0%", "60.0%", "20.0%", "20.0%", "0.0%"]


def test_a_legacy_id_is_found_in_one_look_up_of_an_index(
    migrate: Migrate, jsonl: Callable[..., str], django_assert_num_queries: Any
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(2)))
    key = found(1).key
    with django_assert_num_queries(1) as captured:
        assert journal.find_user_key("jsonl", "u-1") == key
    plan = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan TO off")  # of two rows any plan is good
        cursor.execute(plan + captured.captured_queries[0]["sql"])
        told = str(cursor.fetchall())
    uses = r"Index Scan using migration_record_legacy_id|USING INDEX \w+ \(source=\? AND legacy_id=\?\)"
    assert re.search(uses, told), told


def test_status_fits_a_terminal() -> None:
    counts = {"pending": 1_234_567, "migrated": 12_345_678, "failed": 12_345, "skipped": 123_456}
    lines = table([SourceStatus("shop", counts), SourceStatus("the-intranet-of-an-old-company", counts)])
    assert max(map(len, lines)) <= 80
    assert lines[3] == "the-intranet-of-an-old-company"
    assert len(lines) == 6


def test_the_audit_log_tells_of_runs_and_not_of_people(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(3)))
    types = list(AuditEntry.objects.order_by("pk").values_list("event_type", flat=True))
    assert types == ["migration_started", "migration_finished"]
    run = MigrationRun.objects.get()
    entry = AuditEntry.objects.get(event_type="migration_finished")
    assert entry.details == {"run": run.pk, "source": "jsonl", "created": 3}
    assert MigrationRecord.objects.filter(run=run, state="migrated").count() == 3
    assert BCRYPT not in str(list(MigrationRecord.objects.values()))


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("carl@example.org", "\uff43arl@example.org"),
        ("\uff43arl@example.org", "Carl@example.org"),
        ("\uff43arl@example.org", "c\uff41rl@example.org"),
        ("us\u00e9r@b\u00fccher.example", "use\u0301r@b\u00fccher.example"),
        ("anna@b\u00fccher.example", "anna@xn--bcher-kva.example"),
        ("anna@xn--bcher-kva.example", "anna@b\u00fccher.example"),
    ],
)
def test_an_address_in_another_form_is_nobody_elses(
    here: str, there: str, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(person(1, email=here), person(2)), "--name", "first")
    result = migrate("--source", "jsonl", "--input", jsonl(person(3, email=there)), "--name", "second")
    assert result.reasons == [("line 1", "email-unicode")]
    moved = jsonl(person(1, email=here), person(2, email=there))
    dry = [
        migrate("--source", "jsonl", "--input", moved, "--name", "first", "--on-conflict", "update", *more)
        for more in (["--dry-run"], ["--resume"])
    ]
    assert {place for one in dry for place, _ in one.reasons} >= {"line 2"}
    assert found(2) is not None
    again = migrate("--source", "jsonl", "--input", jsonl(person(1, email=here)), "--name", "first")
    assert again.report["outcomes"]["unchanged"] == 1
