"""Lists of WorkOS, which have no hashes, and records in the shape in which it takes some."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.migration_tools.conftest import Migrate
from tests.migration_tools.vendors.conftest import found, signs_in, vendor_file

pytestmark = pytest.mark.django_db
LIST = ("--source", "workos", "--input", vendor_file("workos.json"))
Written = Callable[[str, str | bytes], str]


def test_a_list_of_the_interface_comes_without_passwords(migrate: Migrate) -> None:
    result = migrate(*LIST, "--trust-verified")
    assert result.code == 0, result.output
    marcel = found("marcel@example.com")
    assert (marcel.id, marcel.name, marcel.email_verified) == ("user_01E4", "Marcel Davis", True)
    assert marcel.created_at.isoformat() == "2021-06-25T19:07:33.155000+00:00"
    assert dict(marcel.additional_fields) == {"language": "en", "external_id": "f1ffa2b2"}
    assert not signs_in("marcel@example.com")


@pytest.mark.parametrize(
    "kind", ["bcrypt", "scrypt", "pbkdf2", "argon2", "ssha", "firebase", "firebasenamed"]
)
def test_each_hash_of_its_import_shape_signs_in(kind: str, migrate: Migrate) -> None:
    migrate(*LIST, report=False)
    assert signs_in(f"{kind}@example.com")


def test_hashes_in_no_known_form_are_counted(migrate: Migrate) -> None:
    result = migrate(*LIST)
    assert "2  of them with a hash that nobody here can read" in result.output
    assert not signs_in("strange@example.com")


def test_tables_and_lines_are_read_as_well(migrate: Migrate, written: Written) -> None:
    table = "id,email,email_verified,first_name,last_name,metadata\n"
    path = written("users.csv", table + 'user_1,a@example.com,true,Ann,Lee,"{""plan"":""pro""}"\nuser_2,b\n')
    result = migrate("--source", "workos", "--input", path)
    assert result.reasons == [("line 3", "row-too-short")]
    assert dict(found("a@example.com").additional_fields) == {"plan": "pro"}
    path = written("users.ndjson", '{"id": "user_3", "email": "c@example.com"}\n{"id": "user_4", "em')
    result = migrate("--source", "workos", "--input", path, "--name", "lines")
    assert result.reasons == [("line 2", "invalid-json")]
    assert found("c@example.com").id == "user_3"


@pytest.mark.parametrize(
    ("stored", "kind"),
    [
        ("$scrypt$ln=40,r=8,p=1$MDEy$tjK03tRvEjqCcPwmgtddMkgjlXrk8U/b9rIvfeBMKCc", "scrypt"),
        (f"$firebase-scrypt$sk=AwoR,ss=Bw,r=8,m=40$ZmJz${'A' * 86}", "firebase-scrypt"),
    ],
)
def test_absurd_costs_are_refused(stored: str, kind: str, migrate: Migrate, written: Written) -> None:
    password = f'"password_hash": "{stored}", "password_hash_type": "{kind}"'
    row = f'{{"id": "u", "email": "u@example.com", {password}}}'
    result = migrate("--source", "workos", "--input", written("w.json", f"[{row}]"))
    assert [reason for _, reason in result.reasons] == ["hash-cost-out-of-bounds"]


def test_an_encrypted_file_is_refused(migrate: Migrate, written: Written) -> None:
    result = migrate("--source", "workos", "--input", written("x.json", b"-----BEGIN PGP MESSAGE-----"))
    assert (result.code, "gpg --decrypt" in result.output) == (1, True)
