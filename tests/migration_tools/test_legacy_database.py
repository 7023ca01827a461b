"""Lazy migration from a legacy database: each kind that answers here, with real tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import get_user_model

from better_auth import passwords, users
from migration_tools.lazy import calls
from migration_tools.models import MigrationRecord
from tests.conftest import ApiClient
from tests.migration_tools.conftest import LEGACY_PASSWORD, Migrate
from tests.migration_tools.legacy_databases import KINDS, Legacy
from tests.migration_tools.test_databases import SALTED_MD5
from tests.protocol import answered, refusal

pytestmark = pytest.mark.usefixtures("commits")

Configure = Callable[..., None]
WRONG = (401, refusal("INVALID_EMAIL_OR_PASSWORD"))
TABLE = """
    table = "customers"
    key = "cust_no"
    email = "mail"
    name = "full_name"
    where = "kind = 'person' AND mail NOT LIKE '%.test'"
"""
HASH = '[hash]\ncolumn = "pw_md5"\nscheme = "md5"\nsalt_column = "pw_salt"\n'
UNREADABLE = '[hash]\ncolumn = "pw_md5"\nscheme = "whirlpool"\n'
# What its own code did with a password, told as SQL: a comparison, or the row where it holds.
COMPARING = 'verify = "SELECT pw_plain = :password FROM customers WHERE lower(mail) = :email"\n'
SELECTING = 'verify = "SELECT cust_no FROM customers WHERE lower(mail) = :email AND pw_plain = :password"\n'


@pytest.fixture(params=sorted(KINDS))
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Legacy]:
    with KINDS[request.param](tmp_path) as found:
        found.run(
            "CREATE TABLE customers (cust_no VARCHAR(20) PRIMARY KEY, mail VARCHAR(200), "
            "full_name VARCHAR(200), pw_md5 VARCHAR(64), pw_salt VARCHAR(20), pw_plain VARCHAR(64), "
            "kind VARCHAR(20))"
        )
        lena = ("C-1", "Lena@Example.net", "Léna", SALTED_MD5, "abc", LEGACY_PASSWORD, "person")
        found.fill(
            "customers",
            [
                lena,
                ("G-1", "group@example.net", "A group", SALTED_MD5, "abc", LEGACY_PASSWORD, "group"),
                ("C-2", "twin@example.net", "One", SALTED_MD5, "abc", LEGACY_PASSWORD, "person"),
                ("C-3", "Twin@example.net", "Other", SALTED_MD5, "abc", LEGACY_PASSWORD, "person"),
                ("C-4", "broken@example.net", "", "zz", "abc", LEGACY_PASSWORD, "person"),
                ("C-5", "none@example.net", "", None, "abc", LEGACY_PASSWORD, "person"),
            ],
        )
        yield found
        calls.forget()


@pytest.fixture
def ask(database: Legacy, configure: Configure, tmp_path: Path) -> Callable[..., str]:
    """Lazy migration by this mapping; the path of its file."""

    def begin(mapping: str, **more: Any) -> str:
        calls.forget()
        path = tmp_path / "lazy.toml"
        path.write_text(mapping)
        told = {"VERIFIER": "sql", "DSN": database.dsn, "MAPPING": str(path), "SOURCE": "sql"}
        configure(MIGRATION={"MODE": "lazy", **told, **more})
        return str(path)

    return begin


@pytest.mark.parametrize("how", [HASH, COMPARING, SELECTING])
def test_the_first_sign_in_brings_them(ask: Callable[..., str], browser: ApiClient, how: str) -> None:
    ask(TABLE + how)
    assert answered(browser.sign_in("lena@example.net", "wrong")) == WRONG
    assert get_user_model()._default_manager.count() == 0
    user = browser.sign_in("lena@example.net", LEGACY_PASSWORD).json()["user"]
    assert (user["id"], user["email"], user["name"]) == ("C-1", "lena@example.net", "Léna")
    found = users.find_by_email("lena@example.net")
    assert found is not None
    assert (passwords.find_stored_hash(found) or "").startswith("argon2")


@pytest.mark.parametrize("how", [HASH, COMPARING])
@pytest.mark.parametrize(
    "email",
    [
        "group@example.net",  # outside of where
        "twin@example.net",  # two records have it
        "nobody@example.net",
        "' OR 1=1 --@example.net",
        "%@example.net",
    ],
)
def test_whom_it_does_not_name_it_does_not_let_in(
    ask: Callable[..., str], browser: ApiClient, how: str, email: str
) -> None:
    ask(TABLE + how)
    assert browser.sign_in(email, LEGACY_PASSWORD).status_code in (400, 401)
    assert get_user_model()._default_manager.count() == 0


@pytest.mark.parametrize(
    "password", ["' OR '1'='1", "x' UNION SELECT 1 --", ":email", "%s", "?", "lena@example.net"]
)
def test_a_password_is_a_parameter(ask: Callable[..., str], browser: ApiClient, password: str) -> None:
    ask(TABLE + COMPARING)
    assert answered(browser.sign_in("lena@example.net", password)) == WRONG


@pytest.mark.parametrize("email", ["broken@example.net", "none@example.net"])
def test_a_hash_that_is_none_lets_nobody_in(ask: Callable[..., str], browser: ApiClient, email: str) -> None:
    ask(TABLE + HASH)
    assert answered(browser.sign_in(email, LEGACY_PASSWORD)) == WRONG
    assert get_user_model()._default_manager.count() == 0


def test_a_hash_that_nobody_reads_wants_the_database_to_compare(
    ask: Callable[..., str], browser: ApiClient
) -> None:
    ask(TABLE + UNREADABLE)
    assert answered(browser.sign_in("lena@example.net", LEGACY_PASSWORD)) == WRONG
    ask(TABLE + COMPARING + UNREADABLE)
    assert browser.sign_in("lena@example.net", LEGACY_PASSWORD).status_code == 200


def test_a_run_over_the_same_table_finds_nothing_to_do(
    ask: Callable[..., str], browser: ApiClient, migrate: Migrate, database: Legacy
) -> None:
    """Whoever signed in while it was on its way is brought already."""
    path = ask(TABLE + HASH)
    browser.sign_in("lena@example.net", LEGACY_PASSWORD)
    told = ["--source", "sql", "--dsn", database.dsn, "--mapping", path]
    outcomes = migrate(*told, "--on-conflict", "update").report["outcomes"]
    assert (outcomes["unchanged"], outcomes["updated"]) == (1, 0)
    assert MigrationRecord.objects.filter(legacy_id="C-1").count() == 1


@pytest.fixture
def work() -> Iterator[Callable[[], tuple[int, int]]]:
    """Counts our hashes, and the statements that the legacy database was asked."""
    from better_auth.hashing import Argon2id
    from migration_tools.sources.databases import Database

    with (
        mock.patch.object(Argon2id, "encode", autospec=True, side_effect=Argon2id.encode) as encode,
        mock.patch.object(Argon2id, "verify", autospec=True, side_effect=Argon2id.verify) as verify,
        mock.patch.object(Database, "_rows", autospec=True, side_effect=Database._rows) as rows,
    ):
        yield lambda: (encode.call_count + verify.call_count, rows.call_count)


@pytest.mark.parametrize("how", [HASH, COMPARING])
def test_no_time_tells_who_waits_there(
    ask: Callable[..., str],
    browser: ApiClient,
    make_user: Callable[..., Any],
    how: str,
    work: Callable[[], tuple[int, int]],
) -> None:
    make_user("native@example.net")
    ask(TABLE + how)
    spent = {}
    for who in ("lena", "nobody", "native", "twin", "none"):
        before = work()
        assert answered(browser.sign_in(f"{who}@example.net", "wrong password")) == WRONG
        spent[who] = tuple(now - then for now, then in zip(work(), before, strict=True))
    assert len(set(spent.values())) == 1, spent


def test_a_database_that_is_away(
    ask: Callable[..., str], browser: ApiClient, database: Legacy, caplog: pytest.LogCaptureFixture
) -> None:
    ask(TABLE + HASH)
    database.run("ALTER TABLE customers RENAME TO somewhere_else")
    response = browser.sign_in("lena@example.net", LEGACY_PASSWORD)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert "lena@example.net" not in caplog.text
    database.run("ALTER TABLE somewhere_else RENAME TO customers")
    assert browser.sign_in("lena@example.net", LEGACY_PASSWORD).status_code == 200


def test_a_lock_in_the_database_is_not_waited_for(
    ask: Callable[..., str], browser: ApiClient, database: Legacy
) -> None:
    if database.dsn.startswith("sqlite"):
        pytest.skip("a file that is read knows no such lock")
    ask(TABLE + HASH, TIMEOUT_MS=1000)
    if database.dsn.startswith("mysql"):
        database.run("LOCK TABLES customers WRITE")
    else:
        database.connection.cursor().execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
    assert browser.sign_in("lena@example.net", LEGACY_PASSWORD).status_code == 503
    if database.dsn.startswith("mysql"):
        database.run("UNLOCK TABLES")
    else:
        database.connection.rollback()
    assert browser.sign_in("lena@example.net", LEGACY_PASSWORD).status_code == 200
