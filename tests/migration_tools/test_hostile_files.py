"""Whatever stands in a file: it is told with its place, nobody else suffers, and nobody is half there."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import global_settings
from django.contrib.auth import get_user_model

from better_auth import users
from better_auth.models import Account
from migration_tools.models import MigrationRecord, MigrationRun
from tests.migration_tools.conftest import Migrate, people, person

pytestmark = pytest.mark.django_db

BOMB = "$argon2id$v=19$m=4194304,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$EY12I7uGyoBHzuQuFWt3F/Kvu99fJBY2qYsz2KZSrj8"
HOSTILE: list[tuple[Any, str]] = [
    (b"\xef\xbb\xbf" + json.dumps(person(1)).encode(), ""),
    (person(2), ""),
    ("", ""),
    ('{"external_id": "u-3", "email": ', "invalid-json"),
    (json.dumps(person(4, name="Zo\u00e9"), ensure_ascii=False).encode("latin-1"), "invalid-encoding"),
    (person(5, email="Ann@Example.org"), "email-case"),
    (person(6, email="ann@example.org"), "email-case"),
    (person(7, email="bob@example.org"), "duplicate-email"),
    (person(8, email="bob@example.org"), "duplicate-email"),
    (person(9, email="carl@example.org"), "email-unicode"),
    (person(10, email="\uff43arl@example.org"), "email-unicode"),
    (person(11, email=None), "missing-email"),
    (person(12, email=""), "missing-email"),
    (person(13, email="foo@"), "invalid-email"),
    (person(14, email="a@b@example.org"), "invalid-email"),
    (person(15, email="x" * 400 + "@example.org"), "invalid-email"),
    (person(16, email="a\r\nbcc:x@example.org"), "invalid-email"),
    (person(2, email="other@example.org"), "duplicate-id"),
    (person(17, external_id=None), "missing-id"),
    (person(18, external_id="x" * 256), "invalid-id"),
    (person(19, password={"scheme": "bcrypt", "hash": "$2b$10$abcdefgh"}), "malformed-hash"),
    (person(20, password={"scheme": "argon2", "hash": BOMB}), "hash-cost-out-of-bounds"),
    (person(21, password={"scheme": "rot13", "hash": "abc"}), ""),
    (person(22, deleted_at="2024-01-01T00:00:00Z"), "deleted"),
    (person(23, name="\u0000"), "invalid-text"),
    (person(24, metadata={"a": "\u0000"}), "invalid-text"),
    (person(25, name="\ud800"), "invalid-json"),
    (person(26, created_at="2022-05-06 07:08:09"), "time-without-zone"),
    (person(27, created_at="yesterday"), "invalid-time"),
    (person(28, email_verified="perhaps"), "invalid-value"),
    ("[1, 2]", "invalid-record"),
    ("null", "invalid-record"),
    ("[" * 10_000, "invalid-json"),
    ('{"a":' * 2000 + "1" + "}" * 2000, "invalid-json"),
    ('{"external_id":"big","name":"' + "x" * 1_100_000 + '"}', "too-long"),
    (person(29, username="Ann"), "duplicate-username"),
    (person(30, username="ann"), "duplicate-username"),
    (person(31, accounts=[{"provider": "google", "subject": "1"}]), "duplicate-identity"),
    (person(32, accounts=[{"provider": "google-oauth2", "subject": "1"}]), "duplicate-identity"),
    (person(33, accounts=[{"provider": "google"}]), "invalid-account"),
    (person(34, phone_number="+4915112345678"), ""),
    (person(35, phone_number="0151 123"), ""),
    (person(36, disabled=True, ban_expires="2099-01-01T00:00:00Z"), ""),
    (person(37, email="taken@example.org"), "email-taken"),
    (person(38, name="<script>\u202e\U0001f600" + "x" * 2000), ""),
    (person(39, roles=["admin"], is_superuser=True), ""),
    (person(40, metadata={"a": "x" * 70_000}), "metadata-too-large"),
    (person(41, password=None), ""),
    (person(42, email="us\u00e9r@b\u00fccher.example"), ""),
    (b"\r", ""),
    (person(43), ""),
]
GOOD = [record for record, reason in HOSTILE if not reason and record not in ("", b"\r")]


@pytest.fixture
def hostile(jsonl: Callable[..., str]) -> str:
    users.create(email="taken@example.org", name="Somebody")
    return jsonl(*(record for record, _ in HOSTILE))


def test_every_record_is_told_of_with_its_place(hostile: str, migrate: Migrate) -> None:
    result = migrate("--source", "jsonl", "--input", hostile)
    wanted = [(f"line {number}", reason) for number, (_, reason) in enumerate(HOSTILE, start=1) if reason]
    assert result.reasons == wanted
    assert result.code == 2
    assert result.report["outcomes"]["created"] == len(GOOD)
    assert sum(result.report["outcomes"].values()) == result.report["read"] == len(HOSTILE) - 2
    assert get_user_model().objects.count() == len(GOOD) + 1


def test_a_dry_run_says_the_same_line_by_line_and_writes_nothing(hostile: str, migrate: Migrate) -> None:
    def rows() -> list[int]:
        models: list[Any] = [get_user_model(), Account, MigrationRun, MigrationRecord]
        return [model.objects.count() for model in models]

    before = rows()
    dry = migrate("--source", "jsonl", "--input", hostile, "--dry-run")
    assert rows() == before
    real = migrate("--source", "jsonl", "--input", hostile)
    assert dry.rows == real.rows
    same = ("read", "outcomes", "reasons", "warnings", "unknown_hash")
    assert [dry.report[name] for name in same] == [real.report[name] for name in same]
    assert dry.code == real.code


def test_who_comes_is_whole(hostile: str, migrate: Migrate) -> None:
    migrate("--source", "jsonl", "--input", hostile)
    found = users.find_by_email("person36@example.org")
    assert found is not None
    assert (found.banned, found.ban_reason) == (True, "migrated:disabled")
    assert found.ban_expires is not None
    for number in (39, 34):
        found = users.find_by_email(f"person{number}@example.org")
        assert found is not None
        assert found.role != "admin"
        assert found.created_at.isoformat() == "2022-05-06T07:08:09+00:00"
    assert found.phone_number == "+4915112345678"
    assert not found.email_verified  # nobody said that the source is to be believed
    without = users.find_by_email("person21@example.org")
    assert without is not None
    assert not Account.objects.filter(user_id=without.key).exists()


def test_nothing_that_is_told_is_a_secret(
    hostile: str, migrate: Migrate, caplog: pytest.LogCaptureFixture
) -> None:
    result = migrate("--source", "jsonl", "--input", hostile)
    told = result.output + json.dumps(result.report) + json.dumps(result.rows) + caplog.text
    assert "$2b$" not in told
    assert "argon2id" not in told
    assert "person12@" not in told
    journal = json.dumps(list(MigrationRecord.objects.values()), default=str)
    assert "$2b$" not in journal
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in result.rows for cell in row.values())


def test_a_broken_line_far_behind_is_told_with_its_number(
    migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    file = jsonl(*people(1200), "{", person("last"))
    result = migrate("--source", "jsonl", "--input", file)
    assert result.reasons == [("line 1201", "invalid-json")]
    assert result.rows[0]["detail"] == "unexpected end of data at character 3"
    assert result.report["outcomes"]["created"] == 1201


def test_strict_stops_at_the_first_and_keeps_what_came_before(
    migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    file = jsonl(*people(700), "{", *(person(number) for number in range(700, 800)))
    result = migrate("--source", "jsonl", "--input", file, "--strict")
    assert result.code == 3
    assert "line 701: invalid-json" in result.output
    assert get_user_model().objects.count() == 700
    assert migrate("--source", "jsonl", "--input", file).code == 1  # it is open: to be resumed or undone
    assert migrate("--source", "jsonl", "--input", file, "--resume").code == 2
    assert get_user_model().objects.count() == 800
    assert MigrationRun.objects.get().counts == {"created": 800, "invalid": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe{\x00}\x00", "UTF-16"),
        (b"-----BEGIN PGP MESSAGE-----\n", "gpg --decrypt"),
        (b"[\n{}\n]", "one object on each line"),
        (b"\x1f\x8b\x08\x00", "gunzip"),
    ],
)
def test_what_is_no_such_file_is_refused_at_once(
    content: bytes, said: str, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    result = migrate("--source", "jsonl", "--input", jsonl(content), "--dry-run")
    assert result.code == 1
    assert said in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--source is wanted"),
        (["--source", "jsnol"], "did you mean jsonl"),
        (["--source", "jsonl"], "--input FILE"),
        (["--source", "sql", "--dsn", "oracle://x"], "--mapping"),
        (["--source", "jsonl", "--input", "/nowhere"], "No such file"),
        (["--source", "better-auth", "--dsn", "sqlite:////nowhere"], "there is no file"),
        (["--source", "json.JSONDecoder"], "is no source"),
        (["--source", "jsonl", "--input", "x", "--where", "id > 5"], "--where is for databases"),
        (["--source", "csv", "--input", "x", "--dsn", "default"], "--dsn is for databases"),
        (["--source", "django", "--input", "x", "--dsn", "default"], "--input is for files"),
        (["--rollback", "--limit", "3"], "--limit does not narrow it down"),
        (["--rollback", "--only-emails", "x"], "--only-emails does not narrow it down"),
        (["--source", "jsonl", "--input", "x", "--run", "3"], "--run goes with --rollback only"),
        (["--source", "jsonl", "--input", "x", "--resume", "--force-changed"], "with --rollback only"),
        (["--source", "jsonl", "--input", "x", "--sample", "3"], "--sample goes with --verify only"),
    ],
)
def test_what_can_not_be_meant_is_refused_with_advice(
    arguments: list[str], said: str, migrate: Migrate
) -> None:
    result = migrate(*arguments)
    assert result.code == 1
    assert said in result.output
    assert not MigrationRun.objects.exists()


def test_a_hash_that_nothing_here_verifies_is_told_of(
    migrate: Migrate, jsonl: Callable[..., str], settings: Any
) -> None:
    """A host's project has Django's own hashers until somebody appends ours."""
    stored = {"scheme": "django", "hash": "pbkdf2_sha256$1000$saltSALT12345678aBcDeF$" + "A" * 43 + "="}
    file = jsonl(person(1), person(2, password=stored), person(3, password=None))
    assert "no-hasher" not in migrate("--source", "jsonl", "--input", file, "--dry-run").output
    settings.PASSWORD_HASHERS = global_settings.PASSWORD_HASHERS
    for mode in (["--dry-run"], []):
        result = migrate("--source", "jsonl", "--input", file, *mode)
        assert result.report["warnings"] == {"no-hasher": 1}
        assert "1  no-hasher (first: line 1)" in result.output
        assert "append *better_auth.crypto.legacy_hashes.HASHERS" in result.output
