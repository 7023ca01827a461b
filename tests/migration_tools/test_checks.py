"""The system checks of the migration: what sets each off, what it says, and what keeps it quiet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks

from tests.migration_tools.legacy_system import SECRET

Configure = Callable[..., None]
HTTP = {"VERIFIER": "http", "URL": "https://old.example.com/auth", "SECRET": SECRET}
TABLE = 'table = "customers"\nkey = "id"\nemail = "mail"\n'
HASH = '[hash]\ncolumn = "pw"\nscheme = "bcrypt"\n'
VERIFIER = "tests.migration_tools.legacy_callables.verify"
FINDER = "tests.migration_tools.legacy_callables.find"


def told(one: str) -> list[str]:
    """What the checks say under this id."""
    return [str(message.msg) for message in run_checks() if message.id == one]


@pytest.fixture
def mapping(tmp_path: Path) -> Callable[[str], str]:
    def write(content: str) -> str:
        path = tmp_path / "mapping.toml"
        path.write_text(content)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"VERIFIER": None}, "MIGRATION.VERIFIER: is not set"),
        ({"VERIFIER": "ldap"}, "MIGRATION.VERIFIER: 'ldap' is none"),
        ({"URL": None}, "MIGRATION.URL: wants https://host/path"),
        ({"URL": "ftp://old.example.com/"}, "MIGRATION.URL: wants https://host/path"),
        ({"URL": "https://me:secret@old.example.com/"}, "MIGRATION.URL: wants https://host/path"),
        ({"URL": "https://[broken/"}, "MIGRATION.URL: wants https://host/path"),
        ({"URL": "http://old.example.com/auth"}, "passwords would go over the network in the clear"),
        ({"SECRET": None}, "MIGRATION.SECRET: is missing or can be guessed"),
        ({"SECRET": "too short"}, "MIGRATION.SECRET: is missing or can be guessed"),
        ({"SECRET": "ab" * 30}, "MIGRATION.SECRET: is missing or can be guessed"),
        ({"CA_FILE": "/nowhere.pem"}, "MIGRATION.CA_FILE: holds no certificates"),
        ({"MAPPING": "/nowhere.toml"}, "MIGRATION.MAPPING: /nowhere.toml: No such file"),
        ({"VERIFIER": "sql"}, "MIGRATION.MAPPING: is not set"),
    ],
)
def test_a_verifier_that_can_not_be_used(configure: Configure, changes: dict[str, Any], said: str) -> None:
    configure(MIGRATION={"MODE": "lazy", **HTTP, **changes})
    (message,) = told("migration_tools.E001")
    assert said in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("content", "dsn", "said"),
    [
        (TABLE + HASH, None, "MIGRATION.DSN: is not set"),
        (TABLE + HASH, "oracle://old/db", "MIGRATION.DSN: no database is called 'oracle'"),
        (TABLE + HASH, "nowhere", "MIGRATION.DSN: 'nowhere' is neither a URL nor an alias"),
        (TABLE.replace("email", "name") + HASH, "sqlite:///x", "MAPPING: the mapping wants key and email"),
        ('key = "id"\nemail = "mail"\n' + HASH, "sqlite:///x", "the mapping wants either table or query"),
        (TABLE, "sqlite:///x", "the mapping wants hash, or verify"),
        (TABLE + 'verify = "SELECT 1 WHERE :email = mail"\n', "sqlite:///x", "with :email and :password"),
        (
            TABLE + 'trust_email_verified = "perhaps"\n' + HASH,
            "sqlite:///x",
            "trust_email_verified wants true or false",
        ),
        ("colour = 1", "sqlite:///x", "unknown key 'colour'"),
    ],
)
def test_a_database_that_can_not_be_asked(
    configure: Configure, mapping: Callable[[str], str], content: str, dsn: str | None, said: str
) -> None:
    configure(MIGRATION={"MODE": "shadow", "VERIFIER": "sql", "MAPPING": mapping(content), "DSN": dsn})
    (message,) = told("migration_tools.E001")
    assert said in message


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"URL": "http://127.0.0.1:8080/auth"},
        {"URL": "http://old.internal/auth", "PLAIN_HTTP": True},
        {"MODE": "off", "VERIFIER": "ldap"},
        {"VERIFIER": VERIFIER, "FINDER": FINDER, "URL": None},
    ],
)
def test_what_can_be_used_is_no_reason_to_speak(configure: Configure, changes: dict[str, Any]) -> None:
    configure(MIGRATION={"MODE": "lazy", **HTTP, **changes})
    assert [told(one) for one in ("migration_tools.E001", "migration_tools.W001")] == [[], []]


def test_a_database_is_not_connected_to(configure: Configure, mapping: Callable[[str], str]) -> None:
    told_of = {"VERIFIER": "sql", "MAPPING": mapping(TABLE + HASH), "DSN": "postgresql://127.0.0.1:1/gone"}
    configure(MIGRATION={"MODE": "lazy", **told_of})
    assert told("migration_tools.E001") == []


def test_a_callable_without_one_that_finds(configure: Configure) -> None:
    configure(MIGRATION={"MODE": "lazy", "VERIFIER": VERIFIER})
    (message,) = told("migration_tools.W001")
    assert "anybody may sign up with it" in message


def test_a_path_that_leads_nowhere(configure: Configure) -> None:
    configure(MIGRATION={"MODE": "lazy", "VERIFIER": "nowhere.verify", "FINDER": FINDER})
    assert [message.split(":")[0] for message in told("better_auth.E009")] == ["MIGRATION"]
