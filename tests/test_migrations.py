"""Three ways to have users: each migrates from nothing, and people can sign up, live and leave with each."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings

CHECKOUT = Path(__file__).resolve().parents[1]
WAYS = ("default", "swapped_user", "stock_user")
MIGRATE = """
import json, django
from django.core.management import call_command
from django.db import connection
django.setup()
before = connection.introspection.table_names()
call_command("migrate", verbosity=0)
call_command("makemigrations", check=True, dry_run=True, verbosity=0)
call_command("check", fail_level="WARNING")
with connection.cursor() as cursor:
    tables = connection.introspection.table_names(cursor)
    describe = connection.introspection.get_table_description
    columns = {table: [one.name for one in describe(cursor, table)] for table in tables}
print(json.dumps({"before": before, "columns": columns}))
"""
# Whatever the user model is.
TABLES = {
    "better_auth_accounts",
    "better_auth_device_codes",
    "better_auth_jwks",
    "better_auth_legacy_exchanges",
    "better_auth_legacy_use",
    "better_auth_refresh_tokens",
    "better_auth_sessions",
    "better_auth_user_profiles",
    "better_auth_verification_tokens",
    "auth_audit_log",
}
TABLE_OF_USERS = {
    "default": "better_auth_users",
    "swapped_user": "accounts_member",
    "stock_user": "auth_user",
}
# The table that carries our columns.
CARRIER = {**TABLE_OF_USERS, "stock_user": "better_auth_user_profiles"}
CARRIED_COLUMNS = {
    "name",
    "email",
    "email_verified",
    "email_verified_at",
    "image",
    "username",
    "display_username",
    "phone_number",
    "phone_number_verified",
    "is_anonymous",
    "role",
    "banned",
    "ban_reason",
    "ban_expires",
    "two_factor_enabled",
    "last_auth_method",
    "migration_status",
    "created_at",
    "updated_at",
    "deleted_at",
}
AUDIT_COLUMNS = {
    "id",
    "event_type",
    "auth_method",
    "success",
    "created_at",
    "actor_id",
    "subject_id",
    "session_id",
    "ip_address",
    "user_agent",
    "details",
}


def run_with(
    way: str, command: list[str], *, variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """The project's Python in a new process, under one of the settings modules."""
    environ = {**os.environ, **variables, "DJANGO_SETTINGS_MODULE": f"tests.settings.{way}"}
    environ.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.run(
        [sys.executable, *command], cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=False
    )


@contextlib.contextmanager
def empty_database(folder: Path) -> Iterator[str]:
    """The URL of a database with nothing in it: a file, or a new one at the PostgreSQL of this run."""
    given = os.environ.get("DATABASE_URL", "")
    if not given.startswith("postgres"):
        yield f"sqlite:///{folder / 'empty.sqlite3'}"
        return
    import psycopg

    name = f"test_migrations_{secrets.token_hex(6)}"
    administration = urlunsplit(urlsplit(given)._replace(path="/postgres"))
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="module", params=WAYS)
def migrated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Any]]:
    """The way to have users, and what ``migrate`` made of an empty database."""
    way = str(request.param)
    with empty_database(tmp_path_factory.mktemp(way)) as url:
        done = run_with(way, ["-c", MIGRATE], variables={"DATABASE_URL": url})
    assert done.returncode == 0, done.stderr
    return way, json.loads(done.stdout.splitlines()[-1])


def test_every_way_migrates_from_nothing(migrated: tuple[str, dict[str, Any]]) -> None:
    way, found = migrated
    assert found["before"] == []
    assert set(found["columns"]) >= {*TABLES, TABLE_OF_USERS[way]}


def test_only_the_users_in_force_have_a_table(migrated: tuple[str, dict[str, Any]]) -> None:
    way, found = migrated
    unused = set(TABLE_OF_USERS.values()) - {TABLE_OF_USERS[way]}
    assert unused & set(found["columns"]) == set()


def test_users_carry_the_columns_of_all_features(migrated: tuple[str, dict[str, Any]]) -> None:
    way, found = migrated
    assert CARRIED_COLUMNS - set(found["columns"][CARRIER[way]]) == set()


def test_a_stock_user_table_is_left_as_it_was(migrated: tuple[str, dict[str, Any]]) -> None:
    way, found = migrated
    stock = ["id", "password", "last_login", "is_superuser", "username", "first_name", "last_name", "email"]
    stock += ["is_staff", "is_active", "date_joined"]
    if way == "stock_user":
        assert sorted(found["columns"]["auth_user"]) == sorted(stock)
    else:
        assert "auth_user" not in found["columns"]


def test_the_audit_log_has_its_columns(migrated: tuple[str, dict[str, Any]]) -> None:
    assert set(migrated[1]["columns"]["auth_audit_log"]) == AUDIT_COLUMNS


def test_no_column_holds_a_token(migrated: tuple[str, dict[str, Any]]) -> None:
    columns = migrated[1]["columns"]
    assert "token" not in columns["better_auth_sessions"]
    assert "token_hash" in columns["better_auth_sessions"]
    assert {"token", "value"} & set(columns["better_auth_verification_tokens"]) == set()
    assert {"token", "secret", "selector"} & set(columns["better_auth_refresh_tokens"]) == set()


def test_the_first_migration_waits_for_whatever_the_user_model_is() -> None:
    migration = import_module("better_auth.migrations.0001_initial").Migration
    settings_waited_for = [getattr(one, "setting", None) for one in migration.dependencies]
    assert settings.AUTH_USER_MODEL in settings_waited_for


@pytest.mark.parametrize("way", WAYS)
def test_people_sign_up_live_and_leave(way: str, tmp_path: Path) -> None:
    with empty_database(tmp_path) as url:
        command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/host/journey.py"]
        done = run_with(way, command, variables={"DATABASE_URL": url})
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    # The tests about users of a project that ran before make sense on stock users only.
    assert done.stdout.splitlines()[-1].startswith(
        "9 passed in" if way == "stock_user" else "5 passed, 4 skipped"
    )
