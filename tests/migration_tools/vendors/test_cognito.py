"""Tables and lists of Cognito: everything but a password."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.migration_tools.conftest import Migrate
from tests.migration_tools.vendors.conftest import found, identities, vendor_file

pytestmark = pytest.mark.django_db
TABLE = ("--source", "cognito", "--input", vendor_file("cognito.csv"))
LIST = ("--source", "cognito", "--input", vendor_file("cognito.json"))
Written = Callable[[str, str | bytes], str]


def test_a_table_has_commas_behind_a_backslash_and_quotes_that_mean_nothing(migrate: Migrate) -> None:
    result = migrate(*TABLE, "--trust-verified")
    assert result.reasons == [("line 4", "missing-email"), ("line 5", "row-too-short")]
    rui, ana = found("rui@example.pt"), found("ana@example.pt")
    assert (rui.id, rui.name, rui.email_verified, rui.username) == (
        "5b1f0c4e-aaaa-bbbb-cccc-0123456789ab",
        "Rui",
        True,
        None,
    )
    assert (rui.phone_number, rui.phone_number_verified) == ("+351910000001", False)
    assert dict(rui.additional_fields) == {"locale": "pt", "plan": "gold"}
    assert (ana.id, ana.name, ana.username) == ("ana.l", 'Ana "Nana" Lima, MD', "ana.l")
    assert dict(ana.additional_fields) == {"address": "Rua 1, Lisboa", "birthdate": "02/29/1980"}
    assert "1  second-factor-not-brought (first: line 3)" in result.output


def test_the_order_of_columns_is_free_and_the_header_is_not(migrate: Migrate, written: Written) -> None:
    path = written("pool.csv", "cognito:username,email\nx,x@example.pt\n")
    assert migrate("--source", "cognito", "--input", path).code == 0
    assert found("x@example.pt").id == "x"
    path = written("pool.csv", "username,email\nx,x@example.pt\n")
    result = migrate("--source", "cognito", "--input", path)
    assert (result.code, "not the header that this export has" in result.output) == (1, True)


def test_users_without_an_address_come_with_a_placeholder(migrate: Migrate, written: Written) -> None:
    result = migrate(*TABLE, "--mapping", written("m.toml", 'missing_email = "placeholder"'))
    assert result.reasons == [("line 5", "row-too-short")]


def test_a_list_tells_more(migrate: Migrate) -> None:
    result = migrate(*LIST)
    assert result.code == 0, result.output
    rui, new = found("rui@example.pt"), found("new@example.pt")
    assert (rui.id, rui.username, rui.banned) == ("5b1f0c4e-aaaa-bbbb-cccc-0123456789ab", "rui", False)
    assert rui.created_at.isoformat() == "2020-09-13T12:26:40.123000+00:00"
    assert new.banned
    assert identities("g@example.pt") == {("google", "1122334455")}
    assert identities("apple@example.pt") == {("apple", "0011.ab_c.22")}
    for remark in ("never-chose-a-password", "second-factor-not-brought"):
        assert f"1  {remark} (first: record 4" in result.output


def test_a_table_that_is_cut_short_brings_what_is_there(migrate: Migrate, written: Written) -> None:
    content = Path(vendor_file("cognito.csv")).read_bytes()
    path = written("cut.csv", content[: content.index(b"ana@")])
    result = migrate("--source", "cognito", "--input", path)
    assert result.reasons == [("line 3", "row-too-short")]
    assert found("rui@example.pt").name == "Rui"


def test_an_encrypted_file_is_refused(migrate: Migrate, written: Written) -> None:
    result = migrate("--source", "cognito", "--input", written("x.csv", b"\x85\x02\x0c\x03\xff"))
    assert (result.code, "gpg --decrypt" in result.output) == (1, True)
