"""A Better Auth server that goes on while people move: what begins there comes, what ended here stays so."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from better_auth import passwords, users
from better_auth.models import Account, Session
from tests.conftest import ApiClient
from tests.migration_tools.conftest import LEGACY_PASSWORD, Migrate

pytestmark = pytest.mark.django_db

# storage-and-crypto.md: what the original makes of the password below.
STORED = (
    "000102030405060708090a0b0c0d0e0f:7034425e783148ac6ce2c4521177f6fc8ba611950b64145053bf3c4fbf264578"
    "65bbf1ea8164754187636d431114bca7374e96cf91409d23fbc0b086580d2442"
)
SCHEMA = """
CREATE TABLE "user" (id TEXT PRIMARY KEY, name TEXT, email TEXT, "emailVerified" INTEGER, image TEXT,
    "createdAt" TEXT, "updatedAt" TEXT);
CREATE TABLE session (id TEXT PRIMARY KEY, "expiresAt" TEXT, token TEXT, "createdAt" TEXT, "updatedAt" TEXT,
    "ipAddress" TEXT, "userAgent" TEXT, "userId" TEXT);
CREATE TABLE account (id TEXT PRIMARY KEY, "accountId" TEXT, "providerId" TEXT, "userId" TEXT, scope TEXT,
    password TEXT, "createdAt" TEXT);
"""


@dataclass
class Original:
    """The old server's database, and the command that brings it."""

    connection: sqlite3.Connection
    told: list[str]

    def run(self, statement: str, *values: Any) -> None:
        with self.connection:
            self.connection.execute(statement, values)

    def sign_in(self, user: str, token: str) -> None:
        now, later = _at(), _at(timedelta(days=7))
        self.run("INSERT INTO session VALUES (?, ?, ?, ?, ?, '', '', ?)", token, later, token, now, now, user)


def _at(distance: timedelta = timedelta(0)) -> str:
    return (datetime.now(UTC) + distance).isoformat(timespec="milliseconds")


@pytest.fixture
def original(tmp_path: Path) -> Iterator[Original]:
    path = tmp_path / "original.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        found = Original(connection, ["--source", "better-auth", "--dsn", f"sqlite:///{path}"])
        since = _at(-timedelta(days=30))
        for name in ("ann", "bob"):
            row = (name, name.title(), f"{name}@example.org", 1, None, since, since)
            found.run('INSERT INTO "user" VALUES (?, ?, ?, ?, ?, ?, ?)', *row)
            account = (f"{name}-1", name, "credential", name, None, STORED, since)
            found.run("INSERT INTO account VALUES (?, ?, ?, ?, ?, ?, ?)", *account)
            found.sign_in(name, f"{name}-early")
        yield found


def sessions() -> list[str]:
    return sorted(Session.objects.values_list("user__email", flat=True))


def user(name: str) -> Any:
    return users.find_by_email(f"{name}@example.org")


def test_what_began_there_meanwhile_comes_with_the_next_run(original: Original, migrate: Migrate) -> None:
    migrate(*original.told)
    assert sessions() == ["ann@example.org", "bob@example.org"]
    original.sign_in("ann", "ann-late")
    result = migrate(*original.told, "--resume")
    assert (result.code, result.report["outcomes"]["unchanged"]) == (0, 2)
    assert sessions() == ["ann@example.org", "ann@example.org", "bob@example.org"]


@pytest.mark.parametrize("change", ["UPDATE \"user\" SET name = 'Changed there'", "SELECT 1"])
def test_what_was_ended_here_stays_so(change: str, original: Original, migrate: Migrate) -> None:
    migrate(*original.told)
    original.sign_in("bob", "bob-late")
    migrate(*original.told, "--resume")
    Session.objects.all().delete()
    original.run(change)
    for _ in range(2):
        assert migrate(*original.told, "--resume", "--on-conflict", "update").code == 0
    assert sessions() == []
    original.sign_in("bob", "bob-later")
    migrate(*original.told, "--resume", "--on-conflict", "update")
    assert sessions() == ["bob@example.org"]


def test_who_has_a_new_password_here_is_not_signed_in_by_the_old_one(
    original: Original, migrate: Migrate
) -> None:
    migrate(*original.told)
    passwords.set_password(user("ann"), passwords.hash_password("a new password"))
    original.sign_in("ann", "ann-late")
    migrate(*original.told, "--resume")
    assert sessions() == ["ann@example.org", "bob@example.org"]


def test_a_link_that_is_undone_takes_its_sessions_along(
    original: Original, migrate: Migrate, browser: ApiClient
) -> None:
    here = users.create(email="ann@example.org", name="Was here", email_verified=True)
    passwords.set_password(here, passwords.hash_password("her own password"))
    assert browser.sign_in("ann@example.org", "her own password").status_code == 200
    own = Session.objects.get().pk
    migrate(*original.told, "--on-conflict", "link")
    assert sessions() == ["ann@example.org", "ann@example.org", "bob@example.org"]
    assert migrate("--rollback").code == 0
    assert Session.objects.get().pk == own


def test_a_seed_that_somebody_wrote_by_hand_has_its_password(original: Original, migrate: Migrate) -> None:
    original.run("""UPDATE account SET "providerId" = 'email', "accountId" = 'ann@example.org'""")
    migrate(*original.told)
    assert passwords.verify(LEGACY_PASSWORD, user("ann"))
    assert not Account.objects.exclude(provider_id="credential").exists()
