"""NextAuth and Auth.js: the tables of the adapters for Prisma and for pg."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from better_auth.models import Session
from tests.conftest import ApiClient
from tests.migration_tools.conftest import BCRYPT, Migrate
from tests.migration_tools.legacy_databases import Legacy
from tests.migration_tools.vendors.people import brought, factors, fits, identities

pytestmark = pytest.mark.django_db

# Prisma: names of models, and of columns as in JavaScript.
PRISMA = (
    'CREATE TABLE "User" ("id" VARCHAR(40) PRIMARY KEY, "name" VARCHAR(255), "email" VARCHAR(255), '
    '"emailVerified" TIMESTAMP NULL, "image" VARCHAR(255), "password" VARCHAR(255), "role" VARCHAR(20))',
    'CREATE TABLE "Account" ("userId" VARCHAR(40) NOT NULL, "type" VARCHAR(20) NOT NULL, '
    '"provider" VARCHAR(50) NOT NULL, "providerAccountId" VARCHAR(255) NOT NULL, "refresh_token" TEXT, '
    '"access_token" TEXT, "expires_at" INTEGER, "token_type" VARCHAR(20), "scope" VARCHAR(255), '
    '"id_token" TEXT, "session_state" VARCHAR(255))',
    'CREATE TABLE "Session" ("sessionToken" VARCHAR(255) PRIMARY KEY, "userId" VARCHAR(40) NOT NULL, '
    '"expires" TIMESTAMP NOT NULL)',
    'CREATE TABLE "VerificationToken" '
    '("identifier" VARCHAR(255), "token" VARCHAR(255), "expires" TIMESTAMP NOT NULL)',
    'CREATE TABLE "Authenticator" ("credentialID" VARCHAR(255), "userId" VARCHAR(40), '
    '"providerAccountId" VARCHAR(255), "credentialPublicKey" VARCHAR(500), "counter" INTEGER, '
    '"credentialDeviceType" VARCHAR(20), "credentialBackedUp" BOOLEAN, "transports" VARCHAR(90))',
)
VERIFIED = "2023-02-03 04:05:06"


class App:
    """The application's database, and the command that brings its users."""

    def __init__(self, database: Legacy, migrate: Migrate, mapping: Callable[[str], str]) -> None:
        self.database, self._migrate, self._mapping = database, migrate, mapping
        database.run(*(database.quoted(one) for one in PRISMA))

    def user(self, name: str, **more: Any) -> None:
        row = {"id": f"c-{name}", "name": name.title(), "email": f"{name}@example.org"}
        self.database.insert("User", **{**row, "emailVerified": VERIFIED, **more})

    def account(self, name: str, provider: str, subject: str, kind: str = "oauth") -> None:
        row = {"userId": f"c-{name}", "type": kind, "provider": provider, "providerAccountId": subject}
        self.database.insert("Account", **row, access_token="s3cret")

    def session(self, name: str, *, days: int = 20) -> str:
        token = str(uuid.uuid4())
        expires = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S")
        self.database.insert("Session", sessionToken=token, userId=f"c-{name}", expires=expires)
        return token

    def bring(self, content: str = "", *more: str) -> Any:
        told = ["--mapping", self._mapping(content)] if content else []
        dsn = self.database.dsn
        return self._migrate("--source", "authjs", "--dsn", dsn, "--trust-verified", *told, *more)


@pytest.fixture
def app(legacy_database: Legacy, migrate: Migrate, mapping: Callable[[str], str]) -> App:
    return App(legacy_database, migrate, mapping)


def test_users_come_with_their_identities(app: App) -> None:
    app.user("ann", image="https://example.org/ann.png")
    app.account("ann", "google", "1099")
    app.account("ann", "azure-ad", "77", "oidc")
    app.account("ann", "credentials", "c-ann", "credentials")
    app.user("bob", emailVerified=None)
    app.user("eve", email=None)
    result = app.bring()
    assert (result.code, result.reasons) == (2, [("User c-eve", "missing-email")]), result.output
    ann, bob = brought("ann@example.org"), brought("bob@example.org")
    assert (ann.id, ann.name, ann.image) == ("c-ann", "Ann", "https://example.org/ann.png")
    assert (ann.email_verified, bob.email_verified) == (True, False)
    assert identities(ann) == {("google", "1099"), ("microsoft", "77")}
    assert "s3cret" not in result.output


def test_passwords_of_the_applications_own_come(app: App) -> None:
    app.user("ann", password=BCRYPT)
    app.user("bob", password="5f4dcc3b5aa765d61d8327deb882cf99")
    app.user("eve")
    result = app.bring()
    assert (result.code, result.report["unknown_hash"]) == (0, 1)
    assert [fits(brought(f"{name}@example.org")) for name in ("ann", "bob", "eve")] == [True, False, False]


def test_an_ambiguous_hash_is_named_by_the_mapping(app: App) -> None:
    app.user("ann", password="9cc2ae8a1ba7a93da39b46fc1019c481")
    assert app.bring('[parameters]\npassword_scheme = "md5"\n').code == 0
    assert fits(brought("ann@example.org"))


def test_a_session_goes_on_as_a_bearer_token(app: App, client: ApiClient) -> None:
    app.user("ann")
    token, over = app.session("ann"), app.session("ann", days=-1)
    app.database.insert("Session", sessionToken="short", userId="c-ann", expires="2037-01-01 00:00:00")
    assert app.bring().code == 0
    assert Session.objects.count() == 1
    for given, email in ((token, "ann@example.org"), (over, None), ("short", None)):
        answer = client.get("/api/auth/get-session", headers={"authorization": f"Bearer {given}"})
        body = answer.json() if answer.status_code == 200 else None
        assert (body["user"]["email"] if body else None) == email


def test_a_session_that_was_ended_here_does_not_come_back(app: App) -> None:
    app.user("ann")
    app.session("ann")
    app.bring()
    Session.objects.all().delete()
    app.bring("", "--resume", "--on-conflict", "update")
    assert not Session.objects.exists()


def test_passkeys_are_kept(app: App) -> None:
    app.user("ann")
    app.database.insert(
        "Authenticator",
        credentialID="Y3JlZA==",
        userId="c-ann",
        providerAccountId="Y3JlZA==",
        credentialPublicKey="cHVibGlj",
        counter=7,
        credentialDeviceType="singleDevice",
        credentialBackedUp=False,
        transports="internal,usb",
    )
    assert app.bring().code == 0
    kept = factors("authjs", brought("ann@example.org"))
    assert kept is not None
    (passkey,) = kept["passkeys"]
    assert (passkey["credential_id"], passkey["public_key"]) == ("Y3JlZA==", "cHVibGlj")
    assert passkey["transports"] == ["internal", "usb"]


def test_roles_come_where_the_mapping_says_so(app: App) -> None:
    app.user("ann", role="ADMIN")
    app.user("bob", role="USER")
    assert app.bring('[role_names]\nADMIN = "admin"\n').code == 0
    assert (brought("ann@example.org").role, brought("bob@example.org").role) == ("admin", "user")


def test_two_users_with_one_identity_come_neither(app: App) -> None:
    for name in ("ann", "bob"):
        app.user(name)
        app.account(name, "google", "1099")
    assert [reason for _, reason in app.bring().reasons] == ["duplicate-identity"] * 2
    assert not get_user_model().objects.exists()


def test_the_tables_of_the_adapter_for_pg_are_found(legacy_database: Legacy, migrate: Migrate) -> None:
    """Their names are in the plural; drizzle's for SQLite counts milliseconds."""
    legacy_database.run(
        *(
            legacy_database.quoted(one)
            for one in (
                "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(255), email VARCHAR(255), "
                '"emailVerified" BIGINT, image TEXT)',
                'CREATE TABLE accounts (id INTEGER PRIMARY KEY, "userId" INTEGER NOT NULL, '
                'type VARCHAR(255), provider VARCHAR(255), "providerAccountId" VARCHAR(255))',
                'CREATE TABLE sessions (id INTEGER PRIMARY KEY, "userId" INTEGER NOT NULL, '
                'expires TIMESTAMP NULL, "sessionToken" VARCHAR(255))',
            )
        )
    )
    legacy_database.insert("users", id=1, name="Ann", email="ann@example.org", emailVerified=1675397106000)
    legacy_database.insert(
        "accounts", id=1, userId=1, type="oauth", provider="github", providerAccountId="99"
    )
    result = migrate("--source", "authjs", "--dsn", legacy_database.dsn, "--trust-verified")
    assert result.code == 0, result.output
    ann = brought("ann@example.org")
    assert (ann.id, ann.email_verified, identities(ann)) == ("1", True, {("github", "99")})


def test_a_database_without_such_tables_is_told(legacy_database: Legacy, migrate: Migrate) -> None:
    legacy_database.run("CREATE TABLE other (id INTEGER PRIMARY KEY)")
    result = migrate("--source", "authjs", "--dsn", legacy_database.dsn)
    assert (result.code, "there is no table User or users" in result.output) == (1, True), result.output
