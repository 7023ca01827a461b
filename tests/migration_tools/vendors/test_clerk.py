"""The dashboard's table of Clerk, and what its interface and its migration tool write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.migration_tools.conftest import Migrate
from tests.migration_tools.vendors.conftest import found, identities, kept_of, signs_in, vendor_file

pytestmark = pytest.mark.django_db
TABLE = ("--source", "clerk", "--input", vendor_file("clerk.csv"))
LIST = ("--source", "clerk", "--input", vendor_file("clerk.json"))
HASHERS = (
    *("pbkdf2_sha256", "pbkdf2_sha512", "pbkdf2_sha1", "pbkdf2_sha256_django", "bcrypt_sha256_django"),
    *("argon2id", "argon2i", "md5", "sha256", "phpass", "scrypt_firebase", "scrypt_werkzeug", "ldap_ssha"),
)
Written = Callable[[str, str | bytes], str]


def test_a_name_with_a_comma_moves_nothing_and_a_short_row_is_refused(migrate: Migrate) -> None:
    result = migrate(*TABLE, "--trust-verified")
    assert result.reasons == [("line 4", "missing-email"), ("line 20", "row-too-short")]
    ana = found("ana@example.com")
    assert (ana.id, ana.name, ana.username, ana.email_verified) == (
        "user_2abcDEF",
        "Ana Lima, MD",
        "ana.l",
        True,
    )
    assert ana.phone_number == "+351910000001"
    assert signs_in("ana@example.com")
    assert kept_of("ana@example.com", "clerk")["totp"][0]["secret_base32"] == "JBSWY3DPEHPK3PXP"
    assert not found("unver@example.com").email_verified
    assert found("verified@example.com").email_verified
    assert "1  further-addresses (first: line 2)" in result.output


@pytest.mark.parametrize("hasher", HASHERS)
def test_each_hasher_signs_in(hasher: str, migrate: Migrate) -> None:
    migrate(*TABLE, report=False)
    assert signs_in(f"{hasher.replace('_', '.')}@example.com")


def test_a_hasher_whose_form_nobody_publishes_is_counted(migrate: Migrate) -> None:
    result = migrate(*TABLE)
    assert "1  of them with a hash that nobody here can read" in result.output
    assert not signs_in("md5.salted@example.com")


def test_lists_of_the_interface_and_files_of_the_tool(migrate: Migrate, written: Written) -> None:
    mapping = written("clerk.toml", 'role_names = { editor = "editor", admin = "admin" }')
    result = migrate(*LIST, "--mapping", mapping, "--trust-verified")
    assert result.code == 0, result.output
    api = found("api@example.com")
    assert (api.id, api.name, api.banned, api.role) == ("user_api1", "Api One", True, "editor")
    assert (api.email_verified, api.phone_number_verified) == (True, False)
    assert api.created_at.isoformat() == "2022-04-15T05:20:00+00:00"
    assert identities("api@example.com") == {("google", "5566")}
    assert "second-factor-not-brought (first: record 1" in result.output
    assert found("tool@example.com").id == "user_tool1"
    assert signs_in("tool@example.com")
    assert kept_of("tool@example.com", "clerk")["recovery_codes"] == ["aaaa-bbbb", "cccc-dddd"]


@pytest.mark.parametrize(
    ("digest", "hasher", "reason"),
    [
        ("pbkdf2_sha1$99999999$salt$" + "ab" * 20, "pbkdf2_sha1", "hash-cost-out-of-bounds"),
        ("$2b$31$abcdefghijklmnopqrstuuGGgFFcYeueaAql8Z7U7CnCTRw4DR77W", "bcrypt", "hash-cost-out-of-bounds"),
        ("$2b$10$cut", "bcrypt", "malformed-hash"),
        ("pbkdf2_sha1$1000$salt$zz", "pbkdf2_sha1", "malformed-hash"),
    ],
)
def test_hashes_that_no_sign_in_could_bear_are_refused(
    digest: str, hasher: str, reason: str, migrate: Migrate, written: Written
) -> None:
    header = Path(vendor_file("clerk.csv")).read_text().splitlines()[0]
    path = written("clerk.csv", f"{header}\nu,,,,u@example.com,,,,,,,{digest},{hasher}\n")
    assert migrate("--source", "clerk", "--input", path).reasons == [("line 2", reason)]


def test_a_list_that_is_cut_short_or_encrypted(migrate: Migrate, written: Written) -> None:
    content = Path(vendor_file("clerk.json")).read_bytes()
    path = written("cut.json", content[: content.index(b"user_tool1")])
    assert [one for _, one in migrate("--source", "clerk", "--input", path).reasons] == ["cut-short"]
    assert found("api@example.com").name == "Api One"
    result = migrate("--source", "clerk", "--input", written("x.json", b"-----BEGIN PGP MESSAGE-----"))
    assert (result.code, "gpg --decrypt" in result.output) == (1, True)
