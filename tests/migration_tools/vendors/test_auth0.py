"""Exports of Auth0: profiles, hashes beside them, the extension's tables, and the import schema."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection

from tests.migration_tools.conftest import Migrate
from tests.migration_tools.vendors.conftest import found, identities, kept_of, signs_in, vendor_file

pytestmark = pytest.mark.django_db
USERS = ("--source", "auth0", "--input", vendor_file("auth0-users.ndjson"))
HASHES = ("--also", f"hashes={vendor_file('auth0-hashes.ndjson')}")
IMPORT = ("--source", "auth0", "--input", vendor_file("auth0-import.json"))
Written = Callable[[str, str | bytes], str]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_profiles_are_joined_with_the_hashes_beside_them(
    migrate: Migrate, written: Written, temporary: Path
) -> None:
    mapping = written("auth0.toml", 'role_names = { admin = "admin", owner = "owner" }')
    result = migrate(*USERS, *HASHES, "--mapping", mapping, "--trust-verified")
    assert result.reasons == [("line 5", "missing-email")]
    for name in ("noor", "blocked", "variant"):
        assert signs_in(f"{name}@example.com"), name
    noor, blocked = found("noor@example.com"), found("blocked@example.com")
    assert (noor.id, noor.name, noor.role) == ("auth0|64b0c1d2e3f4a5b6c7d8e9f0", "Noor", "admin")
    assert noor.email_verified  # the profile's word, not the hash file's
    assert noor.created_at.isoformat() == "2021-01-01T00:00:00+00:00"
    assert dict(noor.additional_fields)["user_metadata"] == {"roles": ["owner"], "color": "blue"}
    assert (blocked.banned, blocked.name) == (True, "Bo Lund")
    assert kept_of("noor@example.com", "auth0")["totp"][0]["secret_base32"] == "JBSWY3DPEHPK3PXP"
    assert "second-factor-not-brought (first: line 1)" in result.output
    assert os.listdir(temporary) == []


def test_identities_are_told_by_their_providers_and_connections(migrate: Migrate) -> None:
    migrate(*USERS)
    assert identities("noor@example.com") == {("google", "1099")}
    assert identities("social@example.com") == {("google", "2099")}
    assert identities("jo@acme.example") == {("acme-saml", "acme|jo@acme.example")}
    assert not signs_in("noor@example.com")


@pytest.mark.parametrize(
    "name",
    [
        *("plain", "pbkdf2", "argon2", "ldap", "md5utf16", "sha256", "sha512url", "hmac", "scrypt"),
        "saltedbcrypt",
    ],
)
def test_each_algorithm_of_the_import_schema_signs_in(name: str, migrate: Migrate) -> None:
    migrate(*IMPORT, report=False)
    assert signs_in(f"{name}@example.com")


def test_what_the_import_schema_can_hold_that_nobody_reads_is_told(migrate: Migrate) -> None:
    result = migrate(*IMPORT)
    assert [reason for _, reason in result.reasons] == ["hash-cost-out-of-bounds", "malformed-hash"]
    assert "2  of them with a hash that nobody here can read" in result.output
    assert not signs_in("md4@example.com")
    plain = found("plain@example.com")
    assert (plain.id, plain.username, plain.phone_number) == ("auth0|i-1", "plain", "+4512345679")
    assert kept_of("plain@example.com", "auth0")["totp"][0]["digits"] == 6


def test_the_table_has_a_quote_before_every_text(migrate: Migrate) -> None:
    told = ("--source", "auth0", "--input", vendor_file("auth0-users.csv"), *HASHES, "--trust-verified")
    assert migrate(*told).code == 0
    noor, hooft = found("noor@example.com"), found("hooft@example.com")
    assert (noor.id, noor.name, noor.email_verified) == (
        "auth0|64b0c1d2e3f4a5b6c7d8e9f0",
        'Noor "the" One',
        True,
    )
    assert signs_in("noor@example.com")
    assert (hooft.name, hooft.banned) == ("'t Hooft, Gerard", True)


def test_the_extensions_display_names_are_understood(migrate: Migrate) -> None:
    result = migrate("--source", "auth0", "--input", vendor_file("auth0-extension.csv"), "--trust-verified")
    assert result.code == 0, result.output
    noor = found("noor@example.com")
    assert (noor.id, noor.image, noor.email_verified) == (
        "auth0|64b0c1d2e3f4a5b6c7d8e9f0",
        "https://example.com/n.png",
        True,
    )


def test_a_file_of_hashes_alone_brings_those_with_an_address(migrate: Migrate) -> None:
    result = migrate("--source", "auth0", "--input", vendor_file("auth0-hashes.ndjson"))
    assert result.reasons == [("line 3", "missing-email")]
    assert signs_in("noor@example.com")
    assert found("blocked@example.com").id == "auth0|64b0c1d2e3f4a5b6c7d8e9f1"


def test_hashes_that_are_cut_short_are_told_and_take_nobody_with_them(
    migrate: Migrate, written: Written
) -> None:
    lines = Path(vendor_file("auth0-hashes.ndjson")).read_text().splitlines()
    path = written("hashes.ndjson", "\n".join([lines[0], '{"email": "nobody@example.com"}', lines[1][:60]]))
    result = migrate(*USERS, "--also", f"hashes={path}")
    assert result.code == 2
    assert result.reasons[1:] == [
        ("hashes.ndjson, line 2", "missing-id"),
        ("hashes.ndjson, line 3", "invalid-json"),
    ]
    assert signs_in("noor@example.com")
    assert not signs_in("blocked@example.com")


def test_two_hashes_of_one_user_are_nobodys_guess(migrate: Migrate, written: Written) -> None:
    lines = Path(vendor_file("auth0-hashes.ndjson")).read_text().splitlines()
    again = lines[0].replace("$2b$10$a", "$2b$10$b")
    path = written("hashes.ndjson", "\n".join([*lines, again, lines[1]]))
    result = migrate(*USERS, "--also", f"hashes={path}")
    assert result.reasons[0] == ("line 1", "several-hashes")
    assert signs_in("blocked@example.com")


def test_encrypted_hashes_stop_the_run_before_it_begins(migrate: Migrate, written: Written) -> None:
    path = written("hashes.pgp", b"-----BEGIN PGP MESSAGE-----\n")
    result = migrate(*USERS, "--also", f"hashes={path}")
    assert (result.code, "gpg --decrypt" in result.output) == (1, True)
    result = migrate(*USERS, "--also", "hashes=/nowhere")
    assert (result.code, "No such file" in result.output) == (1, True)


def test_other_hashes_beside_the_same_profiles_are_another_input(migrate: Migrate, written: Written) -> None:
    path = written("hashes.ndjson", Path(vendor_file("auth0-hashes.ndjson")).read_bytes())
    told = (*USERS, "--also", f"hashes={path}")
    assert migrate(*told, "--strict").code == 3
    written("hashes.ndjson", Path(vendor_file("auth0-hashes.ndjson")).read_bytes() + b"\n")
    assert "The input has changed since" in migrate(*told, "--resume").output


@pytest.mark.django_db(transaction=True)
def test_several_processes_share_one_look_at_the_hashes(
    migrate: Migrate, written: Written, temporary: Path
) -> None:
    def line(number: int) -> str:
        return f'{{"user_id": "auth0|{number:024}", "email": "u{number}@example.com"}}'

    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    path = written("many.ndjson", "\n".join(line(number) for number in range(60)))
    one = Path(vendor_file("auth0-hashes.ndjson")).read_text().splitlines()[0]
    hashes = [one.replace("64b0c1d2e3f4a5b6c7d8e9f0", f"{number:024}") for number in range(60)]
    beside = written("hashes.ndjson", "\n".join(hashes))
    told = ("--source", "auth0", "--input", path, "--also", f"hashes={beside}")
    result = migrate(*told, "--jobs", "2", "--batch-size", "7")
    assert result.code == 0, result.output
    assert signs_in("u0@example.com")
    assert signs_in("u59@example.com")
    assert os.listdir(temporary) == []
