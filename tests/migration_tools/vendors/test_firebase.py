"""Exports of Firebase: what its command line writes, what the interfaces list, and what the emulator does."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from better_auth import users
from tests.migration_tools.conftest import Migrate
from tests.migration_tools.vendors.conftest import found, identities, signs_in, vendor_file

pytestmark = pytest.mark.django_db
SIGNER = "AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dzj6vH4/wYNFBsiKTA3PkVMU1phaG92fYSLkpmgp661vA=="
VENDORS = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
Written = Callable[[str, str | bytes], str]


@pytest.fixture
def project(written: Written, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The project's parameters, its key in the environment."""
    monkeypatch.setenv("FIREBASE_SIGNER_KEY", SIGNER)
    told = """
        role_names = { editor = "editor" }
        [parameters]
        signer_key_env = "FIREBASE_SIGNER_KEY"
        base64_salt_separator = "Bw=="
        rounds = 8
        mem_cost = 14
    """
    return ["--source", "firebase", "--mapping", written("firebase.toml", told), "--trust-verified"]


def test_an_export_comes_with_passwords_and_identities(project: list[str], migrate: Migrate) -> None:
    result = migrate(*project, "--input", vendor_file("firebase.json"))
    assert result.code == 2, result.output
    assert result.reasons == [
        ("record 4, line 5", "anonymous"),
        ("record 5, line 6", "missing-email"),
    ]
    assert signs_in("per@example.org")
    assert signs_in("url.safe@example.org")
    per, safe, social = (found(f"{name}@example.org") for name in ("per", "url.safe", "social"))
    assert (per.id, per.name, per.email_verified) == ("fb_0001", "Per Ø", False)
    assert per.created_at.isoformat() == "2020-09-13T12:26:40+00:00"
    assert (safe.role, safe.phone_number, safe.email_verified) == ("editor", "+351910000001", True)
    assert dict(safe.additional_fields) == {"role": "editor", "tier": 2}
    assert identities("per@example.org") == {("google", "778899")}
    assert social.banned
    assert identities("social@example.org") == {
        ("apple", "001122.abc.0001"),
        ("facebook", "123456789012345678901234567890"),
    }


def test_a_hash_that_another_system_made_is_told_and_never_taken_for_ours(
    project: list[str], migrate: Migrate
) -> None:
    result = migrate(*project, "--input", vendor_file("firebase.json"))
    assert not signs_in("imported@example.org")
    assert "hash-of-another-system (first: record 3, line 4)" in result.output
    assert "1  of them with a hash that nobody here can read" in result.output
    assert "second-factor-not-brought (first: record 7" in result.output


def test_those_without_an_address_come_where_the_mapping_says_so(
    project: list[str], written: Written, migrate: Migrate
) -> None:
    mapping = written("more.toml", f'missing_email = "placeholder"\n[parameters]\nsigner_key = "{SIGNER}"')
    told = ("--source", "firebase", "--mapping", mapping, "--input", vendor_file("firebase.json"))
    result = migrate(*told)
    assert (result.code, result.reasons) == (0, [])
    assert signs_in("per@example.org")


def test_the_published_vector_of_the_vendor_signs_in(written: Written, migrate: Migrate) -> None:
    mapping = written(
        "vendor.toml", f'[parameters]\nbase64_signer_key = "{VENDORS}"\nrounds = 8\nmem_cost = 14'
    )
    told = ("--source", "firebase", "--mapping", mapping, "--input", vendor_file("firebase-vendor.json"))
    assert migrate(*told).code == 0
    assert signs_in("vendor@example.org", "user1password")


def test_the_table_is_read_by_its_order_and_a_shifted_row_is_refused(
    project: list[str], migrate: Migrate
) -> None:
    result = migrate(*project, "--input", vendor_file("firebase.csv"))
    assert result.code == 2, result.output
    assert result.reasons == [("line 3", "row-shifted"), ("line 4", "row-too-short")]
    assert signs_in("per@example.org")
    assert identities("per@example.org") == {("google", "778899")}
    social = found("social@example.org")
    assert (social.banned, social.role) == (True, "editor")
    assert identities("social@example.org") == {("apple", "001122.abc.0001")}


def test_without_the_projects_parameters_nothing_is_begun(written: Written, migrate: Migrate) -> None:
    told = ("--source", "firebase", "--input", vendor_file("firebase.json"))
    result = migrate(*told)
    assert (result.code, "Password hash parameters" in result.output) == (1, True)
    assert users.find_by_email("mfa@example.org") is None
    leaving = written("leaving.toml", "[parameters]\nleave_hashes = true")
    assert migrate(*told, "--mapping", leaving).code == 2
    assert not signs_in("per@example.org")


def test_the_emulators_clear_text_is_not_taken(project: list[str], migrate: Migrate) -> None:
    result = migrate(*project, "--input", vendor_file("firebase-emulator.json"))
    assert result.code == 0, result.output
    assert "emulator-hash" in result.output
    assert "secret123" not in result.output
    assert not signs_in("emulated@example.org", "secret123")
    assert identities("emulated@example.org") == set()


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("mem_cost = 40", "hash-cost-out-of-bounds"),
        ("mem_cost = 14\nrounds = 4096", "hash-cost-out-of-bounds"),
        ("mem_cost = 14\nbase64_salt_separator = '***'", "malformed-hash"),
    ],
)
def test_parameters_that_no_sign_in_could_bear_are_refused(
    told: str, reason: str, written: Written, migrate: Migrate
) -> None:
    mapping = written("costly.toml", f'[parameters]\nsigner_key = "{SIGNER}"\n{told}')
    arguments = ("--source", "firebase", "--mapping", mapping, "--input", vendor_file("firebase.json"))
    assert ("record 1, line 2", reason) in migrate(*arguments).reasons


def test_an_export_that_is_cut_short_brings_what_is_there(
    project: list[str], written: Written, migrate: Migrate
) -> None:
    with open(vendor_file("firebase.json"), "rb") as file:
        content = file.read()
    path = written("cut.json", content[: content.index(b"fb_0003")])
    result = migrate(*project, "--input", path)
    assert (result.code, result.reasons) == (2, [("record 3, line 4", "cut-short")])
    assert signs_in("per@example.org")
    whole = migrate(*project, "--input", vendor_file("firebase.json"), "--resume")
    assert "2  unchanged since they were brought" in whole.output


def test_a_run_that_was_stopped_goes_on_behind_its_last_record(
    project: list[str], written: Written, migrate: Migrate
) -> None:
    rows = [
        {"localId": f"u{n}", "email": f"u{n}@example.org", "createdAt": "1600000000000"} for n in range(9)
    ]
    rows[6]["email"] = "nonsense"
    path = written("many.json", json.dumps({"users": rows}))
    stopped = migrate(*project, "--input", path, "--strict", "--batch-size", "2")
    assert (stopped.code, "record 7" in stopped.output) == (3, True)
    result = migrate(*project, "--input", path, "--resume")
    assert "goes on behind 6 records" in result.output
    assert result.reasons == [("record 7, line 1", "invalid-email")]
    assert found("u8@example.org").id == "u8"


def test_mistyped_parameters_and_columns_are_named(written: Written, migrate: Migrate) -> None:
    told = ("--source", "firebase", "--input", vendor_file("firebase.json"), "--mapping")
    result = migrate(*told, written("a.toml", "[parameters]\nsinger_key = 'x'"))
    assert (result.code, "did you mean signer_key" in result.output) == (1, True)
    result = migrate(*told, written("b.toml", "key = 'localId'"))
    assert (result.code, "this source knows its fields" in result.output) == (1, True)
