"""ASP.NET Core Identity: the tables of its migrations, and what becomes of them in a file of SQLite."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.migration_tools.conftest import Migrate
from tests.migration_tools.legacy_databases import Legacy
from tests.migration_tools.vendors.people import brought, factors, fits, identities

pytestmark = pytest.mark.django_db

V2 = "AAABAgMEBQYHCAkKCwwNDg8A6b+Q5v/5gBndnBKiBiA27187WD3zrXpRRPbHcnNx7A=="
V3 = "AQAAAAIAAYagAAAAEAABAgMEBQYHCAkKCwwNDg+HNphercic/uMU10oVOJcFooxzoeSLoVHx/CnyVEI1LA=="
# 2 147 483 647 iterations.
ABSURD = "AQAAAAJ/////AAAAEAABAgMEBQYHCAkKCwwNDg+HNphercic/uMU10oVOJcFooxzoeSLoVHx/CnyVEI1LA=="
MOMENTS = {"postgresql": "TIMESTAMPTZ", "mysql": "VARCHAR(40)", "sqlite": "TEXT"}
SCHEMA = (
    'CREATE TABLE "AspNetUsers" ("Id" VARCHAR(255) PRIMARY KEY, "UserName" VARCHAR(256), '
    '"NormalizedUserName" VARCHAR(256), "Email" VARCHAR(256), "NormalizedEmail" VARCHAR(256), '
    '"EmailConfirmed" BOOLEAN NOT NULL, "PasswordHash" TEXT, "SecurityStamp" TEXT, "ConcurrencyStamp" TEXT, '
    '"PhoneNumber" VARCHAR(50), "PhoneNumberConfirmed" BOOLEAN NOT NULL, '
    '"TwoFactorEnabled" BOOLEAN NOT NULL, "LockoutEnd" {moment} NULL, "LockoutEnabled" BOOLEAN NOT NULL, '
    '"AccessFailedCount" INTEGER NOT NULL)',
    'CREATE TABLE "AspNetUserLogins" ("LoginProvider" VARCHAR(128), "ProviderKey" VARCHAR(128), '
    '"ProviderDisplayName" TEXT, "UserId" VARCHAR(255))',
    'CREATE TABLE "AspNetUserTokens" '
    '("UserId" VARCHAR(255), "LoginProvider" VARCHAR(128), "Name" VARCHAR(128), "Value" TEXT)',
    'CREATE TABLE "AspNetRoles" ("Id" VARCHAR(255) PRIMARY KEY, "Name" VARCHAR(256))',
    'CREATE TABLE "AspNetUserRoles" ("UserId" VARCHAR(255), "RoleId" VARCHAR(255))',
)


class Portal:
    """The application's database, and the command that brings its users."""

    def __init__(self, database: Legacy, migrate: Migrate, mapping: Callable[[str], str]) -> None:
        self.database, self._migrate, self._mapping = database, migrate, mapping
        scheme = database.dsn.partition(":")[0]
        self.kind = "postgresql" if scheme.startswith("postgres") else scheme
        for statement in SCHEMA:
            database.run(database.quoted(statement.replace("{moment}", MOMENTS[self.kind])))

    def user(self, number: int, **more: Any) -> None:
        row = {
            "Id": f"guid-{number}",
            "UserName": f"user{number}@example.org",
            "Email": f"user{number}@example.org",
            "EmailConfirmed": True,
            "PasswordHash": V3,
            "PhoneNumberConfirmed": False,
            "TwoFactorEnabled": False,
            "LockoutEnabled": True,
            "AccessFailedCount": 0,
        }
        self.database.insert("AspNetUsers", **{**row, **more})

    def token(self, number: int, name: str, value: str, provider: str = "[AspNetUserStore]") -> None:
        row = {"UserId": f"guid-{number}", "LoginProvider": provider, "Name": name, "Value": value}
        self.database.insert("AspNetUserTokens", **row)

    def bring(self, content: str = "", *more: str) -> Any:
        told = ["--mapping", self._mapping(content)] if content else []
        dsn = self.database.dsn
        return self._migrate("--source", "aspnet-identity", "--dsn", dsn, "--trust-verified", *told, *more)


@pytest.fixture
def portal(legacy_database: Legacy, migrate: Migrate, mapping: Callable[[str], str]) -> Portal:
    return Portal(legacy_database, migrate, mapping)


def test_users_come_with_their_passwords_of_both_versions(portal: Portal) -> None:
    portal.user(1, UserName="Mara", PhoneNumber="+4512345678", PhoneNumberConfirmed=True)
    portal.user(2, PasswordHash=V2, EmailConfirmed=False)
    portal.user(3, PasswordHash=None)
    portal.database.insert(
        "AspNetUserLogins",
        LoginProvider="Google",
        ProviderKey="1099",
        UserId="guid-3",
        ProviderDisplayName="G",
    )
    portal.user(4, Email=None, UserName="nobody")
    result = portal.bring()
    assert (result.code, result.reasons) == (2, [("AspNetUsers guid-4", "missing-email")]), result.output
    mara, old, social = (brought(f"user{number}@example.org") for number in (1, 2, 3))
    assert (mara.id, mara.username, old.username) == ("guid-1", "mara", None)
    assert (mara.phone_number, mara.phone_number_verified) == ("+4512345678", True)
    assert (mara.email_verified, old.email_verified) == (True, False)
    assert (fits(mara), fits(old), fits(mara, "correct horse"), fits(social, "")) == (
        True,
        True,
        False,
        False,
    )
    assert identities(social) == {("google", "1099")}


def soon(**distance: int) -> str:
    return (datetime.now(UTC) + timedelta(**distance)).strftime("%Y-%m-%d %H:%M:%S+00:00")


def test_locks_come_with_their_end(portal: Portal) -> None:
    for_ever = "infinity" if portal.kind == "postgresql" else "9999-12-31 23:59:59.9999999 +00:00"
    portal.user(1, LockoutEnd=soon(hours=1))
    portal.user(2, LockoutEnd=soon(hours=-1))
    portal.user(3, LockoutEnd=for_ever)
    portal.user(4, LockoutEnd=for_ever, LockoutEnabled=False)
    result = portal.bring()
    assert result.code == 0, result.output
    found = [brought(f"user{number}@example.org") for number in (1, 2, 3, 4)]
    assert [one.banned for one in found] == [True, False, True, False]
    assert found[0].ban_expires is not None
    assert found[2].ban_expires is None


def test_roles_come_where_the_mapping_says_so(portal: Portal) -> None:
    portal.user(1)
    portal.database.insert("AspNetRoles", Id="r-1", Name="Editor")
    portal.database.insert("AspNetUserRoles", UserId="guid-1", RoleId="r-1")
    assert portal.bring('[role_names]\nEditor = "editor"\n').code == 0
    assert brought("user1@example.org").role == "editor"


def test_second_factors_come_where_they_are_on(portal: Portal) -> None:
    portal.user(1, TwoFactorEnabled=True)
    portal.token(1, "AuthenticatorKey", "JBSWY3DPEHPK3PXP")
    portal.token(1, "RecoveryCodes", "AAAAA-BBBBB;CCCCC-DDDDD")
    portal.token(1, "access_token", "not ours", provider="Google")
    portal.user(2)
    portal.token(2, "AuthenticatorKey", "JBSWY3DPEHPK3PXP")
    portal.user(3, TwoFactorEnabled=True)  # by mail
    assert portal.bring().report["warnings"] == {"second-factor-not-brought": 1}
    kept = factors("aspnet-identity", brought("user1@example.org"))
    assert kept is not None
    assert kept["totp"][0]["secret_base32"] == "JBSWY3DPEHPK3PXP"
    assert kept["recovery_codes"] == ["AAAAA-BBBBB", "CCCCC-DDDDD"]
    assert factors("aspnet-identity", brought("user2@example.org")) is None


def test_passkeys_are_kept(portal: Portal) -> None:
    portal.database.run(
        portal.database.quoted(
            'CREATE TABLE "AspNetUserPasskeys" '
            '("CredentialId" VARCHAR(90), "UserId" VARCHAR(255), "Data" TEXT)'
        )
    )
    portal.user(1)
    portal.database.insert(
        "AspNetUserPasskeys", CredentialId="ab12", UserId="guid-1", Data='{"SignCount": 3}'
    )
    assert portal.bring().code == 0
    kept = factors("aspnet-identity", brought("user1@example.org"))
    assert kept is not None
    assert kept["passkeys"] == [{"credential_id": "ab12", "data": '{"SignCount": 3}'}]


def test_hashes_that_nobody_reads_are_counted_and_absurd_ones_refused(portal: Portal) -> None:
    portal.user(1, PasswordHash="$2a$10$abcdefghijklmnopqrstuuGGgFFcYeueaAql8Z7U7CnCTRw4DR77W")  # plugged in
    portal.user(2, PasswordHash=ABSURD)
    portal.user(3, PasswordHash=V3[:-3])
    portal.user(4, PasswordHash="$x$unknown")
    result = portal.bring()
    assert result.reasons == [
        ("AspNetUsers guid-2", "hash-cost-out-of-bounds"),
        ("AspNetUsers guid-3", "malformed-hash"),
    ]
    assert result.report["unknown_hash"] == 1
    assert fits(brought("user1@example.org"))


def test_a_table_that_came_by_way_of_a_file_is_read(portal: Portal) -> None:
    """Of SQL Server's CSV everything is text in SQLite: empty for NULL, True and False, seven digits."""
    if portal.kind != "sqlite":
        pytest.skip("that is the way into SQLite")
    portal.user(
        1,
        EmailConfirmed="True",
        TwoFactorEnabled="False",
        LockoutEnabled="True",
        LockoutEnd="2999-01-01 00:00:00.0000000 +00:00",
        PhoneNumber="",
    )
    portal.user(2, EmailConfirmed="0", LockoutEnd="", PasswordHash="")
    assert portal.bring().code == 0
    one, two = brought("user1@example.org"), brought("user2@example.org")
    assert (one.email_verified, one.banned, two.email_verified, two.banned) == (True, True, False, False)
    assert fits(one)
