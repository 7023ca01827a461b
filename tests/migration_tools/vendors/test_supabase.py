"""Supabase: files made of its tables, and the tables themselves."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from better_auth import users
from tests.migration_tools.conftest import Migrate
from tests.migration_tools.vendors.conftest import found, identities, kept_of, signs_in, vendor_file

pytestmark = pytest.mark.django_db
FILES = (
    *("--source", "supabase", "--trust-verified"),
    *("--also", f"identities={vendor_file('supabase-identities.csv')}"),
    *("--also", f"factors={vendor_file('supabase-factors.json')}"),
)
ID = "6d0e0000-0000-4000-8000-000000000001"
Written = Callable[[str, str | bytes], str]
SCHEMA = """
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email varchar, encrypted_password varchar,
    email_confirmed_at timestamptz, raw_user_meta_data jsonb, raw_app_meta_data jsonb, created_at timestamptz,
    updated_at timestamptz, banned_until timestamptz, deleted_at timestamptz, is_sso_user boolean,
    is_anonymous boolean, phone text, phone_confirmed_at timestamptz);
CREATE TABLE auth.identities (id uuid, user_id uuid, provider text, provider_id text, identity_data jsonb);
CREATE TABLE auth.mfa_factors (id uuid, user_id uuid, factor_type text, status text, secret text);
"""


def ensure_arrived() -> None:
    """Whichever way they came."""
    kai, fb, nopass = (found(f"{name}@example.io") for name in ("kai", "fb", "nopass"))
    assert (kai.id, kai.name, kai.email_verified, kai.role) == (ID, "Kai", True, "editor")
    assert (kai.phone_number, kai.phone_number_verified) == ("+351910000001", False)
    assert kai.created_at.isoformat() == "2023-06-01T00:00:00.123000+00:00"
    assert dict(kai.additional_fields)["user_metadata"]["role"] == "admin"
    assert (fb.banned, fb.ban_expires is not None, fb.email_verified) == (True, True, False)
    assert not nopass.banned
    for name in ("kai", "fb", "argon"):
        assert signs_in(f"{name}@example.io"), name
    assert identities("kai@example.io") == {("github", "58391")}
    assert identities("fb@example.io") == {("google", "77112233")}
    assert identities("nopass@example.io") == {("sso:5d0e", "no@acme")}
    assert [one["secret_base32"] for one in kept_of("kai@example.io", "supabase")["totp"]] == [
        "JBSWY3DPEHPK3PXP"
    ]
    assert users.find_by_email("gone@example.io") is None


def reasons_of(result: Any) -> list[str]:
    return [reason for _, reason in result.reasons]


@pytest.mark.parametrize("name", ["supabase-users.json", "supabase-users.csv"])
def test_files_made_of_the_tables_come_whole(name: str, migrate: Migrate, written: Written) -> None:
    mapping = written("s.toml", 'role_names = { editor = "editor", admin = "admin" }')
    result = migrate(*FILES, "--input", vendor_file(name), "--mapping", mapping)
    assert result.code == 2, result.output
    assert reasons_of(result) == ["anonymous", "deleted", "missing-email", "hash-cost-out-of-bounds"]
    assert "1  of them with a hash that nobody here can read" in result.output
    assert "second-factor-not-brought" in result.output
    assert "identities-not-brought" not in result.output
    ensure_arrived()


def test_without_the_file_of_identities_somebody_says_so(migrate: Migrate) -> None:
    result = migrate("--source", "supabase", "--input", vendor_file("supabase-users.json"))
    assert "2  identities-not-brought (first: record 1" in result.output
    assert identities("kai@example.io") == set()


def test_identities_that_are_cut_short_are_told(migrate: Migrate, written: Written) -> None:
    content = Path(vendor_file("supabase-identities.csv")).read_text()
    path = written("identities.csv", content[: content.index("77112233") + 3])
    told = ("--source", "supabase", "--input", vendor_file("supabase-users.json"))
    result = migrate(*told, "--also", f"identities={path}")
    assert result.reasons[-1] == ("identities.csv, line 4", "row-too-short")
    assert identities("kai@example.io") == {("github", "58391")}


def test_files_that_are_none_of_these_are_refused(migrate: Migrate, written: Written) -> None:
    told = ("--source", "supabase", "--input", vendor_file("supabase-users.json"))
    path = written("x.csv", "id,provider\n1,google\n")
    result = migrate(*told, "--also", f"identities={path}")
    assert (result.code, "not the header that this export has" in result.output) == (1, True)
    result = migrate(*told, "--also", f"identites={path}")
    assert (result.code, "did you mean identities" in result.output) == (1, True)
    path = written("x.pgp", b"\x84\x8c\x03")
    result = migrate("--source", "supabase", "--input", path)
    assert (result.code, "gpg --decrypt" in result.output) == (1, True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """A living one."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        pytest.skip("wants a server of databases")
    import psycopg

    # The tests' own database need not be there: they may run in one of another name.
    address, name = url.rpartition("/")[0], f"supabase_{secrets.token_hex(6)}"
    with contextlib.closing(psycopg.connect(f"{address}/postgres", autocommit=True)) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        dsn = f"{address}/{name}"
        try:
            with contextlib.closing(psycopg.connect(dsn, autocommit=True)) as connection:
                _fill(connection)
            yield dsn
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _fill(connection: Any) -> None:
    connection.execute(SCHEMA)
    tables = {"auth.users": json.loads(Path(vendor_file("supabase-users.json")).read_text())}
    tables["auth.mfa_factors"] = [
        {"user_id": ID, "factor_type": "totp", "status": "verified", "secret": "JBSWY3DPEHPK3PXP"}
    ]
    tables["auth.identities"] = [
        {"user_id": ID, "provider": "github", "provider_id": "58391"},
        {"user_id": f"{ID[:-1]}2", "provider": "google", "provider_id": "77112233"},
        {"user_id": f"{ID[:-1]}3", "provider": "sso:5d0e", "provider_id": "no@acme"},
        {"user_id": ID, "provider": "email", "provider_id": ID},
    ]
    for table, rows in tables.items():
        for row in rows:
            record = f"jsonb_populate_record(NULL::{table}, %s::jsonb)"
            insert = f"INSERT INTO {table} SELECT * FROM {record}"  # noqa: S608, names of ours
            connection.execute(insert.encode(), (json.dumps(row),))


def test_the_living_database_comes_with_all_that_hangs_on_its_users(
    database: str, migrate: Migrate, written: Written
) -> None:
    mapping = written("s.toml", 'role_names = { editor = "editor" }')
    told = ("--source", "supabase", "--dsn", database, "--mapping", mapping, "--trust-verified")
    result = migrate(*told)
    assert result.code == 2, result.output
    assert reasons_of(result) == ["anonymous", "deleted", "missing-email", "hash-cost-out-of-bounds"]
    ensure_arrived()
    narrowed = migrate(*told, "--where", "email LIKE 'k%'", "--resume")
    assert "1  unchanged since they were brought" in narrowed.output


def test_a_database_without_the_schema_is_refused(migrate: Migrate, tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "empty.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER)")
    result = migrate("--source", "supabase", "--dsn", f"sqlite:///{path}")
    assert (result.code, "there is no table auth.users" in result.output) == (1, True)
